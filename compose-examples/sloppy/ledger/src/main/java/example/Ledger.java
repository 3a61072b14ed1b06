package example;

import java.nio.charset.StandardCharsets;

/** Prints what it is, and a text from the one library that it uses. */
public final class Ledger {
    private static final String MESSAGE = "ledger one";

    private Ledger() {}

    public static void main(String[] arguments) throws Exception {
        try (var text = Ledger.class.getResourceAsStream("/greeting.txt")) {
            System.out.println(MESSAGE + ": " + new String(text.readAllBytes(), StandardCharsets.UTF_8).trim());
        }
    }
}
