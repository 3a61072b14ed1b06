package com.datamate;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/** Datasets, as the database has them. */
public final class Backend {
    private Backend() {
    }

    public static void main(String[] args) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(8080), 0);
        server.createContext("/actuator/health", exchange -> answer(exchange, "{\"status\": \"UP\"}"));
        server.createContext("/api/backend/version",
                exchange -> answer(exchange, "{\"version\": \"" + Version.VERSION + "\"}"));
        server.createContext("/api/backend/datasets", exchange -> answer(exchange, datasets()));
        server.start();
    }

    private static String datasets() throws IOException {
        String host = System.getenv().getOrDefault("DB_HOST", "database");
        try (Socket socket = new Socket(host, 6379)) {
            socket.getOutputStream().write("GET datasets\r\n".getBytes(StandardCharsets.UTF_8));
            BufferedReader in = new BufferedReader(
                    new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
            in.readLine();
            return in.readLine();
        }
    }

    private static void answer(HttpExchange exchange, String body) throws IOException {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(200, bytes.length);
        exchange.getResponseBody().write(bytes);
        exchange.close();
    }
}
