package passerelle.interop;

import static passerelle.interop.Transaction.ITI_44;
import static passerelle.interop.Transaction.ITI_55;
import static passerelle.interop.Transaction.ITI_56;

import java.util.List;

/** Another community asks: who is that (ITI-55), and where are the records (ITI-56). */
final class Discoveries {
    private final Session session;
    private final String affinity;
    private final String other;
    private final Person lena = Person.of(Person.freshFamily(), "Lena");
    private final String lenasId = Person.freshId();
    private final String lenasOtherId = Person.freshId();

    Discoveries(Session session) {
        this.session = session;
        affinity = session.settings.affinity().oid();
        other = session.settings.other().oid();
    }

    void run() {
        session.check("a patient to be discovered", List.of(ITI_44, ITI_55), this::add);
        session.check("by name and birth", List.of(ITI_55, ITI_44), this::byName);
        session.check("by identifier", List.of(ITI_55, ITI_44), this::byIdentifier);
        session.check("nobody", List.of(ITI_55), this::nobody);
        session.check("a known patient", List.of(ITI_56, ITI_55, ITI_44), this::location);
    }

    private String add() throws Exception {
        Answer.of(session.call(ITI_44, Hl7v3.feed("201301", lena,
                Hl7v3.id(affinity, lenasId) + Hl7v3.id(other, lenasOtherId)), String.class)).accepted();
        return lenasId;
    }

    private String byName() throws Exception {
        return lena(discover(Hl7v3.sex("F"), Hl7v3.born(lena.born()), Hl7v3.named(lena.family(), lena.given())));
    }

    private String byIdentifier() throws Exception {
        return lena(discover(Hl7v3.identified(affinity, lenasId)));
    }

    private String lena(Answer answer) throws Exception {
        answer.queried("OK");
        Expect.equal("message", "PRPA_IN201306UV02", answer.root());
        Expect.equal("persons", 1, answer.persons());
        Expect.sameSet("identifier", List.of(lenasId + "@" + affinity), answer.identifiers());
        Expect.sameSet("other identifiers", List.of(lenasOtherId + "@" + other), answer.otherIdentifiers());
        Expect.equal("family", lena.family(), answer.ofPerson("name", "family"));
        Expect.equal("home community", session.settings.homeCommunityId().replace("urn:oid:", ""),
                answer.custodian());
        return answer.identifiers().toString();
    }

    private String nobody() throws Exception {
        Answer answer = discover(Hl7v3.born("19030303"), Hl7v3.named(Person.freshFamily(), "Nobody"));
        Expect.equal("persons", 0, answer.queried("NF").persons());
        return "NF";
    }

    private String location() throws Exception {
        String answer = session.call(ITI_56, asked(lenasId), String.class);
        String home = session.settings.homeCommunityId().replace("urn:oid:", "");
        Expect.that(answer.contains(home) && answer.contains(lenasId), "answer: " + answer);
        return home;
    }

    private String asked(String id) {
        return "<PatientLocationQueryRequest xmlns=\"urn:ihe:iti:xcpd:2009\"><RequestedPatientId root=\"" + affinity
                + "\" extension=\"" + id + "\"/></PatientLocationQueryRequest>";
    }

    private Answer discover(String... parameters) throws Exception {
        return Answer.of(session.call(ITI_55, Hl7v3.demographics(0, parameters), String.class));
    }
}
