package passerelle.interop;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** What the program is told: where the system is, who we are, which patient to write about, what to try. */
record Settings(
        String base,
        String mllp,
        Path certificate,
        Path key,
        Path trust,
        String patientId,
        Domain affinity,
        Domain other,
        String repositoryUniqueId,
        String homeCommunityId,
        String sourceId,
        Set<Transaction> transactions) {

    /** A domain of identifiers: its namespace and its OID. */
    record Domain(String namespace, String oid) {

        private static Domain of(String text) {
            String[] parts = text.split("&", 2);
            return new Domain(parts[0], parts[1]);
        }
    }

    /** From arguments "--name value"; an argument that is missing is looked for in the environment as IPF_NAME. */
    static Settings of(String[] arguments) {
        Map<String, String> told = new HashMap<>();
        for (int at = 0; at + 1 < arguments.length; at += 2) {
            told.put(arguments[at].replaceFirst("^--", ""), arguments[at + 1]);
        }
        return new Settings(
                needed(told, "base").replaceFirst("/+$", ""),
                needed(told, "mllp"),
                Path.of(needed(told, "certificate")),
                Path.of(needed(told, "key")),
                Path.of(needed(told, "trust")),
                needed(told, "patient"),
                Domain.of(needed(told, "domain")),
                Domain.of(needed(told, "other")),
                needed(told, "repository"),
                needed(told, "home"),
                needed(told, "source"),
                transactions(told.get("transactions")));
    }

    private static String needed(Map<String, String> told, String name) {
        String value = told.getOrDefault(name, System.getenv("IPF_" + name.toUpperCase()));
        if (value == null) {
            throw new IllegalArgumentException("--" + name + " is missing");
        }
        return value;
    }

    private static Set<Transaction> transactions(String list) {
        if (list == null) {
            return EnumSet.allOf(Transaction.class);
        }
        return Arrays.stream(list.split(",")).map(Transaction::of).collect(Collectors.toSet());
    }
}
