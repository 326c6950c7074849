package passerelle.fhir;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/** What the program is told: where the system is, who we are, and two domains of identifiers that we feed. */
record Settings(
        String base,
        Path certificate,
        Path key,
        Path trust,
        Path token,
        String system,
        String otherSystem) {

    /** From arguments "--name value". */
    static Settings of(String[] arguments) {
        Map<String, String> told = new HashMap<>();
        for (int at = 0; at + 1 < arguments.length; at += 2) {
            told.put(arguments[at].replaceFirst("^--", ""), arguments[at + 1]);
        }
        return new Settings(
                needed(told, "base").replaceFirst("/+$", ""),
                Path.of(needed(told, "certificate")),
                Path.of(needed(told, "key")),
                Path.of(needed(told, "trust")),
                Path.of(needed(told, "token")),
                needed(told, "system"),
                needed(told, "other"));
    }

    private static String needed(Map<String, String> told, String name) {
        String value = told.get(name);
        if (value == null) {
            throw new IllegalArgumentException("--" + name + " is missing");
        }
        return value;
    }
}
