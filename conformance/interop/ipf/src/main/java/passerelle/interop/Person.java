package passerelle.interop;

import java.util.UUID;

/** A synthetic person; nobody else has the family name, which is of letters only. */
record Person(String family, String given, String born, String sex) {

    /** A family name that no other run has used. */
    static String freshFamily() {
        StringBuilder name = new StringBuilder("Ipf");
        UUID.randomUUID().toString().replace("-", "").substring(0, 12).chars()
                .forEach(each -> name.append((char) ('a' + Character.digit(each, 16))));
        return name.toString();
    }

    static Person of(String family, String given) {
        return new Person(family, given, "19610412", "F");
    }

    /** A fresh identifier. */
    static String freshId() {
        return "I" + UUID.randomUUID().toString().replace("-", "").substring(0, 14);
    }
}
