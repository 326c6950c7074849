package passerelle.interop;

import java.util.UUID;

/** HL7 V3 messages as text: the transmission wrapper and what the interactions have in it (ITI TF-2 Appendix O). */
final class Hl7v3 {
    private static final String WRAPPER = """
            <%1$s xmlns="urn:hl7-org:v3" ITSVersion="XML_1.0">
              <id root="%2$s"/>
              <creationTime value="20260102030405"/>
              <interactionId root="2.16.840.1.113883.1.6" extension="%1$s"/>
              <processingCode code="T"/>
              <processingModeCode code="T"/>
              <acceptAckCode code="AL"/>
              <receiver typeCode="RCV">
                <device classCode="DEV" determinerCode="INSTANCE"><id root="2.999.50.1"/></device>
              </receiver>
              <sender typeCode="SND">
                <device classCode="DEV" determinerCode="INSTANCE"><id root="2.999.60.1"/></device>
              </sender>
              <controlActProcess classCode="CACT" moodCode="EVN">
                <code code="%3$s" codeSystem="2.16.840.1.113883.1.6"/>
                %4$s
              </controlActProcess>
            </%1$s>
            """;
    private static final String REGISTRATION = """
            <subject typeCode="SUBJ" contextConductionInd="false">
              <registrationEvent classCode="REG" moodCode="EVN">
                <id nullFlavor="NA"/>
                <statusCode code="active"/>
                <subject1 typeCode="SBJ">
                  <patient classCode="PAT">
                    %1$s
                    <statusCode code="active"/>
                    <patientPerson classCode="PSN" determinerCode="INSTANCE">
                      <name use="L"><given>%2$s</given><family>%3$s</family></name>
                      <administrativeGenderCode code="%4$s" codeSystem="2.16.840.1.113883.5.1"/>
                      <birthTime value="%5$s"/>
                    </patientPerson>
                    <providerOrganization classCode="ORG" determinerCode="INSTANCE">
                      <id root="2.999.60.2"/>
                      <contactParty classCode="CON"/>
                    </providerOrganization>
                  </patient>
                </subject1>
                <custodian typeCode="CST">
                  <assignedEntity classCode="ASSIGNED"><id root="2.999.60.2"/></assignedEntity>
                </custodian>
                %6$s
              </registrationEvent>
            </subject>
            """;
    private static final String REPLACEMENT = """
            <replacementOf typeCode="RPLC">
              <priorRegistration classCode="REG" moodCode="EVN">
                <statusCode code="obsolete"/>
                <subject1 typeCode="SBJ">
                  <priorRegisteredRole classCode="PAT">%s</priorRegisteredRole>
                </subject1>
              </priorRegistration>
            </replacementOf>
            """;
    private static final String QUERY = """
            <queryByParameter>
              <queryId root="2.999.60.1" extension="%s"/>
              <statusCode code="new"/>
              %s
              <responsePriorityCode code="I"/>
              %s
              <parameterList>%s</parameterList>
            </queryByParameter>
            """;

    private Hl7v3() {
    }

    static String id(String domain, String extension) {
        return "<id root=\"" + domain + "\" extension=\"" + extension + "\"/>";
    }

    /** Announces ("201301") or revises ("201302") a patient. */
    static String feed(String number, Person person, String identifiers) {
        return registration(number, person, identifiers, "");
    }

    /** What is in `ended` ends in what is in `identifiers`. */
    static String merge(Person person, String identifiers, String ended) {
        return registration("201304", person, identifiers, REPLACEMENT.formatted(ended));
    }

    static String crossReference(String domain, String extension, String... wanted) {
        StringBuilder parameters = new StringBuilder();
        for (String each : wanted) {
            parameters.append("<dataSource><value root=\"").append(each)
                    .append("\"/><semanticsText>DataSource.id</semanticsText></dataSource>");
        }
        parameters.append(parameter("patientIdentifier", value(domain, extension), "Patient.id"));
        return wrapped("PRPA_IN201309UV02", QUERY.formatted(Person.freshId(), "", "", parameters));
    }

    /** ITI-47 and ITI-55; at most so many persons at once, if not 0. */
    static String demographics(int most, String... parameters) {
        String quantity = most == 0 ? "" : "<initialQuantity value=\"" + most + "\"/>";
        return wrapped("PRPA_IN201305UV02", QUERY.formatted(Person.freshId(), "<responseModalityCode code=\"R\"/>",
                quantity, String.join("", parameters)));
    }

    static String born(String time) {
        return parameter("livingSubjectBirthTime", "<value value=\"" + time + "\"/>", "LivingSubject.birthTime");
    }

    static String identified(String domain, String extension) {
        return parameter("livingSubjectId", value(domain, extension), "LivingSubject.id");
    }

    static String named(String family, String given) {
        String first = given.isEmpty() ? "" : "<given>" + given + "</given>";
        return parameter("livingSubjectName", "<value>" + first + "<family>" + family + "</family></value>",
                "LivingSubject.name");
    }

    static String sex(String code) {
        return parameter("livingSubjectAdministrativeGender",
                "<value code=\"" + code + "\" codeSystem=\"2.16.840.1.113883.5.1\"/>",
                "LivingSubject.administrativeGender");
    }

    static String scoped(String domain) {
        return parameter("otherIDsScopingOrganization", "<value root=\"" + domain + "\"/>",
                "OtherIDs.scopingOrganization.id");
    }

    private static String registration(String number, Person person, String identifiers, String further) {
        return wrapped("PRPA_IN" + number + "UV02", REGISTRATION.formatted(identifiers, person.given(),
                person.family(), person.sex(), person.born(), further));
    }

    private static String wrapped(String interaction, String act) {
        return WRAPPER.formatted(interaction, UUID.randomUUID(), interaction.replace("_IN", "_TE"), act);
    }

    private static String parameter(String name, String value, String semantics) {
        return "<" + name + ">" + value + "<semanticsText>" + semantics + "</semanticsText></" + name + ">";
    }

    private static String value(String domain, String extension) {
        return "<value root=\"" + domain + "\" extension=\"" + extension + "\"/>";
    }
}
