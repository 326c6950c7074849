package passerelle.interop;

import ca.uhn.hl7v2.HL7Exception;
import ca.uhn.hl7v2.model.Message;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;

/** HL7 v2 messages as text to send, and the segments of an answer that IPF has parsed and validated. */
final class Hl7v2 {
    private static final String TIME = "20260102030405";

    private final List<String[]> segments;
    private final String text;

    private Hl7v2(String text) {
        this.text = text;
        segments = Arrays.stream(text.split("\r")).map(each -> each.split("\\|", -1)).toList();
    }

    static Hl7v2 of(Message message) throws HL7Exception {
        return new Hl7v2(message.encode());
    }

    /** A message: MSH is made, the other segments are as given. */
    static String message(String type, String version, String... segments) {
        String control = UUID.randomUUID().toString().replace("-", "").substring(0, 20);
        String header = "MSH|^~\\&|INTEROP|IPF|REGISTRY|DOMAIN|" + TIME + "||" + type + "|" + control + "|P|" + version;
        return header + "\r" + String.join("\r", segments) + "\r";
    }

    static String event(String trigger) {
        return "EVN|" + trigger + "|" + TIME;
    }

    /** EVN of PAM, which has no trigger but the time of the event. */
    static String happened() {
        return "EVN||" + TIME + "||||" + TIME;
    }

    static String person(String identifiers, Person person) {
        return "PID|||" + identifiers + "||" + person.family() + "^" + person.given() + "^^^^^L||" + person.born()
                + "|" + person.sex();
    }

    /** A CX in a domain, which is named in both ways. */
    static String identifier(String id, Settings.Domain domain) {
        return id + "^^^" + domain.namespace() + "&" + domain.oid() + "&ISO";
    }

    /** How often a segment is there. */
    int count(String segment) {
        return (int) segments.stream().filter(each -> each[0].equals(segment)).count();
    }

    /** Field of the first such segment, counted as the standard does; empty if it is not there. */
    String field(String segment, int number) {
        return fields(segment, number).stream().findFirst().orElse("");
    }

    /** The same field of each such segment. */
    List<String> fields(String segment, int number) {
        int at = segment.equals("MSH") ? number - 1 : number;
        return segments.stream().filter(each -> each[0].equals(segment))
                .map(each -> each.length > at ? each[at] : "").toList();
    }

    /** Identifiers of PID-3 as "id@OID". */
    List<String> identifiers() {
        return fields("PID", 3).stream().flatMap(each -> Arrays.stream(each.split("~")))
                .map(each -> each.split("\\^", -1))
                .map(each -> each[0] + "@" + each[3].split("&", -1)[1]).toList();
    }

    /** What the acknowledgement says, for a report. */
    String told() {
        return text.replace('\r', '\n');
    }

    /** AA, and nothing to complain about. */
    Hl7v2 accepted() throws Expect.UnexpectedException {
        Expect.equal("MSA-1 (" + told() + ")", "AA", field("MSA", 1));
        Expect.equal("number of ERR", 0, count("ERR"));
        return this;
    }

    /** AA with the status of a query. */
    Hl7v2 queried(String status) throws Expect.UnexpectedException {
        accepted();
        Expect.equal("QAK-2", status, field("QAK", 2));
        return this;
    }

    /** AE with a code at a place, ERR of version 2.5. */
    String refused(String code, String place) throws Expect.UnexpectedException {
        Expect.equal("MSA-1 (" + told() + ")", "AE", field("MSA", 1));
        Expect.equal("ERR-3", code, field("ERR", 3).split("\\^")[0]);
        Expect.equal("ERR-2", place, field("ERR", 2));
        return field("ERR", 2) + " " + field("ERR", 3);
    }

    /** AE with a code at a place, ERR of version 2.3.1. */
    String refusedIn231(String code, String place) throws Expect.UnexpectedException {
        Expect.equal("MSA-1 (" + told() + ")", "AE", field("MSA", 1));
        String[] error = field("ERR", 1).split("\\^", 4);
        Expect.equal("place in ERR-1", place, error[0] + "^" + error[1] + "^" + error[2]);
        Expect.equal("code in ERR-1", code, error[3].split("&")[0]);
        return field("ERR", 1);
    }
}
