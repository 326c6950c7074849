package passerelle.fhir;

import ca.uhn.fhir.rest.api.EncodingEnum;
import java.io.PrintStream;
import java.util.logging.LogManager;

/** HAPI FHIR against a running gateway: every check a line of JSON on standard output, exit code 1 if one failed. */
public final class Main {
    private Main() {
    }

    /** See README.md for the arguments. */
    public static void main(String[] arguments) throws Exception {
        LogManager.getLogManager().reset();
        PrintStream out = System.out;
        Report report = new Report(out);
        Client client = new Client(Settings.of(arguments));
        for (EncodingEnum encoding : new EncodingEnum[] {EncodingEnum.JSON, EncodingEnum.XML}) {
            new Patients(client, encoding, report).run();
        }
        report.check("all answers went through the validator", () -> {
            Expect.that(client.validity().validated() > 30, "validated: " + client.validity().validated());
            return client.validity().validated() + " answers";
        });
        out.flush();
        System.exit(report.failed() == 0 ? 0 : 1);
    }
}
