package passerelle.interop;

import java.io.PrintStream;
import java.util.logging.LogManager;

/** IPF against a running gateway: every check a line of JSON on standard output, exit code 1 if one failed. */
public final class Main {
    private Main() {
    }

    /** See README.md for the arguments. */
    public static void main(String[] arguments) throws Exception {
        LogManager.getLogManager().reset();
        PrintStream out = System.out;
        Report report = new Report(out);
        Settings settings = Settings.of(arguments);
        try (Client client = new Client(settings)) {
            Session session = new Session(settings, client, report);
            new Identities(session).run();
            new Encounters(session).run();
            new IdentitiesV3(session).run();
            new Discoveries(session).run();
            new Submissions(session).run();
            new Queries(session).run();
            new Retrievals(session).run();
            new OnDemand(session).run();
            new Updates(session).run();
            new Removals(session).run();
            new PointToPoint(session).run();
        }
        out.flush();
        System.exit(report.failed() == 0 ? 0 : 1); // the HTTP client leaves threads behind
    }
}
