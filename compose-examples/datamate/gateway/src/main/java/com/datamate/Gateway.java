package com.datamate;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Map;
import java.util.concurrent.Executors;

/** One door for all: /api/NAME/... is asked of the service of that name. */
public final class Gateway {
    private static final Map<String, Integer> PORTS = Map.of(
            "backend", 8080,
            "backend-python", 18000,
            "runtime", 8081,
            "deer-flow-backend", 8000,
            "mineru", 8001);
    private static final HttpClient CLIENT = HttpClient.newHttpClient();

    private Gateway() {
    }

    public static void main(String[] args) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(8080), 0);
        server.setExecutor(Executors.newFixedThreadPool(4));
        server.createContext("/actuator/health", exchange -> answer(exchange, 200, "{\"status\": \"UP\"}".getBytes()));
        server.createContext("/api/gateway/version",
                exchange -> answer(exchange, 200, ("{\"version\": \"" + Version.VERSION + "\"}").getBytes()));
        server.createContext("/api/", Gateway::pass);
        server.start();
    }

    private static void pass(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        String service = path.split("/")[2];
        Integer port = PORTS.get(service);
        if (port == null) {
            answer(exchange, 404, "{\"error\": \"no such service\"}".getBytes());
            return;
        }
        try {
            HttpRequest request = HttpRequest.newBuilder(URI.create("http://" + service + ":" + port + path)).build();
            HttpResponse<byte[]> response = CLIENT.send(request, HttpResponse.BodyHandlers.ofByteArray());
            answer(exchange, response.statusCode(), response.body());
        } catch (IOException | InterruptedException e) {
            answer(exchange, 502, ("{\"error\": \"" + service + " does not answer\"}").getBytes());
        }
    }

    private static void answer(HttpExchange exchange, int status, byte[] body) throws IOException {
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(status, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }
}
