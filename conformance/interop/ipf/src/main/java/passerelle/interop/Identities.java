package passerelle.interop;

import static passerelle.interop.Transaction.ITI_21;
import static passerelle.interop.Transaction.ITI_8;
import static passerelle.interop.Transaction.ITI_9;

import ca.uhn.hl7v2.model.Message;
import java.util.ArrayList;
import java.util.List;
import org.openehealth.ipf.commons.core.modules.api.ValidationException;
import passerelle.interop.Client.Validated;

/** HL7 v2 over MLLP: feed and merge (ITI-8), cross-references (ITI-9), demographics and their parts (ITI-21). */
final class Identities {
    private static final Settings.Domain UNKNOWN = new Settings.Domain("NOWHERE", "2.999.77.77");

    private final Session session;
    private final Settings.Domain affinity;
    private final Settings.Domain other;
    private final String family = Person.freshFamily();
    private final Person anna = Person.of(family, "Anna");
    private final String annasId = Person.freshId();
    private final String annasOtherId = Person.freshId();
    private final String annasDouble = Person.freshId();
    private final List<String> siblings = List.of(Person.freshId(), Person.freshId(), Person.freshId());
    private final String siblingsFamily = Person.freshFamily();

    Identities(Session session) {
        this.session = session;
        affinity = session.settings.affinity();
        other = session.settings.other();
    }

    void run() {
        session.check("IPF's validator stops a feed without name", List.of(ITI_8), this::stopped);
        session.check("a patient with two identifiers", List.of(ITI_8), this::feed);
        session.check("three patients of one name", List.of(ITI_8), this::feedSiblings);
        session.check("identifier of an unknown domain", List.of(ITI_8), this::feedUnknownDomain);
        session.check("the identifier in another domain", List.of(ITI_9, ITI_8), this::crossReference);
        session.check("only the domain that is wanted", List.of(ITI_9, ITI_8), this::crossReferenceWanted);
        session.check("no identifier in the domain wanted", List.of(ITI_9, ITI_8), this::crossReferenceNone);
        session.check("unknown identifier", List.of(ITI_9), this::crossReferenceUnknown);
        session.check("unknown domain", List.of(ITI_9), this::crossReferenceUnknownDomain);
        session.check("unknown domain wanted", List.of(ITI_9, ITI_8), this::crossReferenceUnknownTarget);
        session.check("by family and given name", List.of(ITI_21, ITI_8), this::byName);
        session.check("by identifier", List.of(ITI_21, ITI_8), this::byIdentifier);
        session.check("nobody", List.of(ITI_21), this::nobody);
        session.check("unknown domain wanted", List.of(ITI_21, ITI_8), this::demographicsUnknownDomain);
        session.check("three persons in parts of one", List.of(ITI_21, ITI_8), this::parts);
        session.check("a pointer after its cancellation", List.of(ITI_21, ITI_8), this::cancelled);
        session.check("changed demographics", List.of(ITI_8, ITI_21), this::change);
        session.check("merge", List.of(ITI_8, ITI_9), this::merge);
        session.check("merge of an unknown identifier", List.of(ITI_8), this::mergeUnknown);
    }

    /** A PID without a name; the answer of the server would be another exception. */
    private String stopped() throws Exception {
        try {
            feed("A01", "PID|||" + in(affinity, annasId));
        } catch (ValidationException error) {
            return "stopped";
        }
        throw new Expect.UnexpectedException("IPF let it through");
    }

    private String feed() throws Exception {
        Hl7v2 answer = feed("A01", Hl7v2.person(in(affinity, annasId) + "~" + in(other, annasOtherId), anna));
        answer.accepted();
        Expect.equal("MSH-9", "ACK", answer.field("MSH", 9).split("\\^")[0]);
        Expect.equal("version", "2.3.1", answer.field("MSH", 12));
        Expect.equal("receiving application", "INTEROP", answer.field("MSH", 5));
        return annasId;
    }

    private String feedSiblings() throws Exception {
        List<String> given = List.of("Berta", "Carla", "Dora");
        for (int at = 0; at < given.size(); at++) {
            String born = "19" + (50 + 7 * at) + "0" + (at + 1) + "11";
            Person person = new Person(siblingsFamily, given.get(at), born, "F");
            feed("A04", Hl7v2.person(in(affinity, siblings.get(at)), person)).accepted();
        }
        return siblings.toString();
    }

    private String feedUnknownDomain() throws Exception {
        return feed("A01", Hl7v2.person(in(UNKNOWN, Person.freshId()), anna))
                .refusedIn231("204", "PID^1^3");
    }

    private String crossReference() throws Exception {
        Hl7v2 answer = crossReference(in(affinity, annasId), "").queried("OK");
        Expect.equal("MSH-9", "RSP^K23^RSP_K23", answer.field("MSH", 9));
        Expect.sameSet("identifiers", List.of(annasOtherId + "@" + other.oid()), answer.identifiers());
        return answer.field("PID", 3);
    }

    private String crossReferenceWanted() throws Exception {
        Hl7v2 answer = crossReference(in(other, annasOtherId), in(affinity, "")).queried("OK");
        Expect.sameSet("identifiers", List.of(annasId + "@" + affinity.oid()), answer.identifiers());
        return answer.field("PID", 3);
    }

    private String crossReferenceNone() throws Exception {
        Hl7v2 answer = crossReference(in(affinity, siblings.get(0)), in(other, "")).queried("NF");
        Expect.equal("PID", 0, answer.count("PID"));
        return answer.field("QAK", 2);
    }

    private String crossReferenceUnknown() throws Exception {
        return crossReference(in(affinity, Person.freshId()), "").refused("204", "QPD^1^3^1^1");
    }

    private String crossReferenceUnknownDomain() throws Exception {
        return crossReference(in(UNKNOWN, annasId), "").refused("204", "QPD^1^3^1^4");
    }

    private String crossReferenceUnknownTarget() throws Exception {
        return crossReference(in(affinity, annasId), in(UNKNOWN, "")).refused("204", "QPD^1^4^1");
    }

    private String byName() throws Exception {
        Hl7v2 answer = demographics(named(family) + "~@PID.5.2^Anna", "", "").queried("OK");
        Expect.equal("MSH-9", "RSP^K22^RSP_K21", answer.field("MSH", 9));
        Expect.equal("number of PID", 1, answer.count("PID"));
        Expect.sameSet("identifiers", List.of(annasId + "@" + affinity.oid(), annasOtherId + "@" + other.oid()),
                answer.identifiers());
        String[] name = answer.field("PID", 5).split("\\^");
        Expect.equal("name", List.of(family, "Anna"), List.of(name[0], name[1]));
        Expect.equal("birth", anna.born(), answer.field("PID", 7));
        Expect.equal("sex", anna.sex(), answer.field("PID", 8));
        return answer.field("PID", 5);
    }

    private String byIdentifier() throws Exception {
        String criteria = "@PID.3.1^" + annasOtherId + "~@PID.3.4.2^" + other.oid() + "~@PID.3.4.3^ISO";
        Hl7v2 answer = demographics(criteria, in(affinity, ""), "").queried("OK");
        Expect.sameSet("identifiers", List.of(annasId + "@" + affinity.oid()), answer.identifiers());
        return answer.field("PID", 3);
    }

    private String nobody() throws Exception {
        Hl7v2 answer = demographics(named(Person.freshFamily()), "", "").queried("NF");
        Expect.equal("number of PID", 0, answer.count("PID"));
        return answer.field("QAK", 2);
    }

    private String demographicsUnknownDomain() throws Exception {
        return demographics(named(family), in(UNKNOWN, ""), "").refused("204", "QPD^1^8^1");
    }

    private String parts() throws Exception {
        List<String> found = new ArrayList<>();
        String tag = Person.freshId();
        String pointer = "";
        do {
            Hl7v2 part = part(tag, pointer).queried("OK");
            Expect.equal("persons in a part", 1, part.count("PID"));
            found.addAll(part.identifiers());
            pointer = part.field("DSC", 1);
        } while (!pointer.isEmpty() && found.size() < 9);
        Expect.sameSet("identifiers", siblings.stream().map(each -> each + "@" + affinity.oid()).toList(), found);
        return found.size() + " persons";
    }

    /** IPF's validators take a QCN for a QBP, and its acknowledgement for an RSP. */
    private String cancelled() throws Exception {
        String tag = Person.freshId();
        String pointer = part(tag, "").queried("OK").field("DSC", 1);
        Expect.that(!pointer.isEmpty(), "no DSC");
        String cancel = Hl7v2.message("QCN^J01^QCN_J01", "2.5", "QID|" + tag + "|IHE PDQ Query");
        Hl7v2.of(session.call(ITI_21, Validated.NEITHER, cancel, Message.class)).accepted();
        return part(tag, pointer).refused("204", "DSC^1^1");
    }

    private String change() throws Exception {
        Person changed = new Person(family, "Annette", "19610413", "F");
        feed("A08", Hl7v2.person(in(affinity, annasId), changed)).accepted();
        String criteria = "@PID.3.1^" + annasId + "~@PID.3.4.2^" + affinity.oid() + "~@PID.3.4.3^ISO";
        Hl7v2 answer = demographics(criteria, in(affinity, ""), "").queried("OK");
        Expect.equal("given name", "Annette", answer.field("PID", 5).split("\\^")[1]);
        Expect.equal("birth", "19610413", answer.field("PID", 7));
        return answer.field("PID", 5);
    }

    private String merge() throws Exception {
        feed("A01", Hl7v2.person(in(affinity, annasDouble), anna)).accepted();
        merge(annasId, annasDouble).accepted();
        crossReference(in(affinity, annasId), in(other, "")).queried("OK");
        return crossReference(in(affinity, annasDouble), "").refused("204", "QPD^1^3^1^1");
    }

    private String mergeUnknown() throws Exception {
        return merge(annasId, Person.freshId()).refusedIn231("204", "MRG^1^1");
    }

    private Hl7v2 feed(String trigger, String person) throws Exception {
        return Hl7v2.of(session.call(ITI_8,
                Hl7v2.message("ADT^" + trigger, "2.3.1", Hl7v2.event(trigger), person, "PV1||O"), Message.class));
    }

    /** IPF's profile of A40 does not know the group that its parser makes of PID and MRG. */
    private Hl7v2 merge(String survivor, String ended) throws Exception {
        return Hl7v2.of(session.call(ITI_8, Validated.ANSWER, Hl7v2.message("ADT^A40", "2.3.1", Hl7v2.event("A40"),
                Hl7v2.person(in(affinity, survivor), anna), "MRG|" + in(affinity, ended)), Message.class));
    }

    private Hl7v2 crossReference(String asked, String wanted) throws Exception {
        String query = "QPD|IHE PIX Query|" + Person.freshId() + "|" + asked + "|" + wanted;
        return Hl7v2.of(session.call(ITI_9, Hl7v2.message("QBP^Q23^QBP_Q21", "2.5", query, "RCP|I"), Message.class));
    }

    private Hl7v2 demographics(String criteria, String wanted, String quantity) throws Exception {
        return Hl7v2.of(session.call(ITI_21, Hl7v2.message("QBP^Q22^QBP_Q21", "2.5",
                "QPD|IHE PDQ Query|" + Person.freshId() + "|" + criteria + "|||||" + wanted, "RCP|I" + quantity),
                Message.class));
    }

    private Hl7v2 part(String tag, String pointer) throws Exception {
        List<String> segments = new ArrayList<>(List.of(
                "QPD|IHE PDQ Query|" + tag + "|" + named(siblingsFamily) + "|||||", "RCP|I|1^RD"));
        if (!pointer.isEmpty()) {
            segments.add("DSC|" + pointer + "|I");
        }
        return Hl7v2.of(session.call(ITI_21,
                Hl7v2.message("QBP^Q22^QBP_Q21", "2.5", segments.toArray(String[]::new)), Message.class));
    }

    private static String named(String family) {
        return "@PID.5.1.1^" + family;
    }

    private static String in(Settings.Domain domain, String id) {
        return Hl7v2.identifier(id, domain);
    }
}
