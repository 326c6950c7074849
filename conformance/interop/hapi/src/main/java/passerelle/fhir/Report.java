package passerelle.fhir;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintStream;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;

/** Runs checks and prints a line of JSON for each: {"check": …, "ok": …, "detail": …}. */
final class Report {
    private final ObjectMapper json = new ObjectMapper();
    private final PrintStream out;
    private int failed;

    Report(PrintStream out) {
        this.out = out;
    }

    /** One check: what it gives is the detail; what it throws is the reason of its failure. */
    void check(String name, Callable<String> check) {
        try {
            line(name, true, check.call());
        } catch (Exception error) {
            failed++;
            line(name, false, reason(error));
        }
    }

    int failed() {
        return failed;
    }

    private void line(String name, boolean ok, String detail) {
        Map<String, Object> told = new LinkedHashMap<>();
        told.put("check", name);
        told.put("ok", ok);
        told.put("detail", detail);
        try {
            out.println(json.writeValueAsString(told));
        } catch (JsonProcessingException error) {
            throw new IllegalStateException(error);
        }
    }

    private static String reason(Throwable error) {
        StringBuilder text = new StringBuilder();
        for (Throwable each = error; each != null; each = each.getCause()) {
            text.append(text.length() == 0 ? "" : " <- ").append(each);
        }
        return text.toString();
    }
}
