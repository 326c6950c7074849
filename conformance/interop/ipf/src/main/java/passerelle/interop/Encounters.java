package passerelle.interop;

import static passerelle.interop.Transaction.ITI_22;
import static passerelle.interop.Transaction.ITI_30;
import static passerelle.interop.Transaction.ITI_31;
import static passerelle.interop.Transaction.ITI_9;

import ca.uhn.hl7v2.model.Message;
import java.util.List;
import passerelle.interop.Client.Validated;

/** HL7 v2.5 over MLLP: patient identity (ITI-30), encounters (ITI-31), and demographics with visits (ITI-22). */
final class Encounters {
    private final Session session;
    private final Settings.Domain affinity;
    private final Settings.Domain other;
    private final Person erna = Person.of(Person.freshFamily(), "Erna");
    private final String first = Person.freshId();
    private final String second = Person.freshId();
    private final String renamed = Person.freshId();
    private final String visit = Person.freshId();

    Encounters(Session session) {
        this.session = session;
        affinity = session.settings.affinity();
        other = session.settings.other();
    }

    void run() {
        session.check("two identities", List.of(ITI_30), this::create);
        session.check("link", List.of(ITI_30, ITI_9), this::link);
        session.check("unlink", List.of(ITI_30, ITI_9), this::unlink);
        session.check("another identifier", List.of(ITI_30, ITI_9), this::rename);
        session.check("merge", List.of(ITI_30, ITI_9), this::merge);
        session.check("merge of an identifier that nobody knows changes nothing", List.of(ITI_30), this::mergeUnknown);
        session.check("identifier of an unknown domain", List.of(ITI_30), this::unknownDomain);
        session.check("admission", List.of(ITI_31, ITI_30), this::admit);
        session.check("by name, with the visit", List.of(ITI_22, ITI_31, ITI_30), this::visit);
        session.check("by patient class", List.of(ITI_22, ITI_31, ITI_30), this::patientClass);
        session.check("discharge", List.of(ITI_31, ITI_30), this::discharge);
    }

    private String create() throws Exception {
        for (String identifier : List.of(in(affinity, first), in(other, second))) {
            Hl7v2 answer = send(ITI_30, "ADT^A28^ADT_A05", Hl7v2.happened(), Hl7v2.person(identifier, erna),
                    "PV1||N").accepted();
            Expect.equal("MSH-9", "ACK^A28^ACK", answer.field("MSH", 9));
        }
        return first + ", " + second;
    }

    private String link() throws Exception {
        pair("ADT^A24^ADT_A24").accepted();
        Expect.sameSet("identifiers", List.of(second + "@" + other.oid()),
                crossReference(in(affinity, first)).queried("OK").identifiers());
        return "linked";
    }

    private String unlink() throws Exception {
        pair("ADT^A37^ADT_A37").accepted();
        crossReference(in(affinity, first)).queried("NF");
        return "unlinked";
    }

    /** IPF's profiles of A24 and A37 do not know the two PID as its parser has them. */
    private Hl7v2 pair(String type) throws Exception {
        String message = Hl7v2.message(type, "2.5", Hl7v2.happened(), Hl7v2.person(in(affinity, first), erna),
                Hl7v2.person(in(other, second), erna));
        return Hl7v2.of(session.call(ITI_30, Validated.ANSWER, message, Message.class));
    }

    private String rename() throws Exception {
        send(ITI_30, "ADT^A47^ADT_A30", Hl7v2.happened(), Hl7v2.person(in(other, renamed), erna),
                "MRG|" + in(other, second)).accepted();
        crossReference(in(other, renamed)).queried("NF");
        return crossReference(in(other, second)).refused("204", "QPD^1^3^1^1");
    }

    private String merge() throws Exception {
        String ended = Person.freshId();
        send(ITI_30, "ADT^A28^ADT_A05", Hl7v2.happened(), Hl7v2.person(in(affinity, ended), erna), "PV1||N")
                .accepted();
        merge(ended).accepted();
        crossReference(in(affinity, first)).accepted();
        return crossReference(in(affinity, ended)).refused("204", "QPD^1^3^1^1");
    }

    private String mergeUnknown() throws Exception {
        String unknown = Person.freshId();
        merge(unknown).accepted();
        return crossReference(in(affinity, unknown)).refused("204", "QPD^1^3^1^1");
    }

    private String unknownDomain() throws Exception {
        Settings.Domain unknown = new Settings.Domain("NOWHERE", "2.999.77.77");
        return send(ITI_30, "ADT^A28^ADT_A05", Hl7v2.happened(), Hl7v2.person(in(unknown, first), erna), "PV1||N")
                .refused("204", "PID^1^3^1^4");
    }

    private Hl7v2 merge(String ended) throws Exception {
        return send(ITI_30, "ADT^A40^ADT_A39", Hl7v2.happened(), Hl7v2.person(in(affinity, first), erna),
                "MRG|" + in(affinity, ended));
    }

    private String admit() throws Exception {
        Hl7v2 answer = send(ITI_31, "ADT^A01^ADT_A01", Hl7v2.happened(), Hl7v2.person(in(affinity, first), erna),
                visit("I") + "|||||||||||||||||||||||||20260102030000").accepted();
        Expect.equal("MSH-9", "ACK^A01^ACK", answer.field("MSH", 9));
        return visit;
    }

    private String visit() throws Exception {
        Hl7v2 answer = demographics("").queried("OK");
        Expect.equal("MSH-9", "RSP^ZV2^RSP_ZV2", answer.field("MSH", 9));
        Expect.equal("patient class", "I", answer.field("PV1", 2));
        Expect.equal("visit number", visit, answer.field("PV1", 19).split("\\^")[0]);
        Expect.sameSet("identifiers", List.of(first + "@" + affinity.oid()), answer.identifiers());
        return answer.field("PV1", 19);
    }

    private String patientClass() throws Exception {
        Expect.equal("inpatients", 1, demographics("~@PV1.2^I").queried("OK").count("PID"));
        Expect.equal("outpatients", 0, demographics("~@PV1.2^O").queried("NF").count("PID"));
        return "one inpatient";
    }

    private String discharge() throws Exception {
        send(ITI_31, "ADT^A03^ADT_A03", Hl7v2.happened(), Hl7v2.person(in(affinity, first), erna),
                visit("I") + "|||||||||||||||||||||||||20260102030000|20260103030000").accepted();
        return visit;
    }

    private String visit(String patientClass) {
        return "PV1||" + patientClass + "|||||||||||||||||" + in(other, visit);
    }

    private Hl7v2 crossReference(String asked) throws Exception {
        return send(ITI_9, "QBP^Q23^QBP_Q21", "QPD|IHE PIX Query|" + Person.freshId() + "|" + asked + "|", "RCP|I");
    }

    /** IPF's profile of RSP^ZV2 does not know the groups as its parser has them. */
    private Hl7v2 demographics(String further) throws Exception {
        String query = "QPD|IHE PDVQ Query|" + Person.freshId() + "|@PID.5.1.1^" + erna.family() + further
                + "|||||" + in(affinity, "");
        return Hl7v2.of(session.call(ITI_22, Validated.REQUEST,
                Hl7v2.message("QBP^ZV1^QBP_Q21", "2.5", query, "RCP|I"), Message.class));
    }

    private Hl7v2 send(Transaction transaction, String type, String... segments) throws Exception {
        return Hl7v2.of(session.call(transaction, Hl7v2.message(type, "2.5", segments), Message.class));
    }

    private static String in(Settings.Domain domain, String id) {
        return Hl7v2.identifier(id, domain);
    }
}
