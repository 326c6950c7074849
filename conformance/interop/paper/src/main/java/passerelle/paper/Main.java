package passerelle.paper;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Collectors;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.ValidationResult;

/** Asks veraPDF whether each file is of the PDF/A level that it claims; a line of JSON per file. */
public final class Main {
    private Main() {}

    /** Arguments are files. The exit code is 1 when one is not what it claims. */
    public static void main(String[] files) throws Exception {
        VeraGreenfieldFoundryProvider.initialise();
        boolean good = true;
        for (String file : files) {
            good &= examined(Path.of(file));
        }
        System.exit(good ? 0 : 1);
    }

    private static boolean examined(Path file) throws Exception {
        var foundry = Foundries.defaultInstance();
        try (var content = Files.newInputStream(file);
                var parser = foundry.createParser(content)) {
            PDFAFlavour flavour = parser.getFlavour();
            if (flavour == PDFAFlavour.NO_FLAVOUR) {
                report(file, "none", false, "the file claims no level of PDF/A");
                return false;
            }
            try (var validator = foundry.createValidator(flavour, false)) {
                ValidationResult result = validator.validate(parser);
                report(file, flavour.getId(), result.isCompliant(), faults(result));
                return result.isCompliant();
            }
        }
    }

    private static String faults(ValidationResult result) {
        return result.getTestAssertions().stream()
                .map(each -> each.getRuleId().getClause() + ": " + each.getMessage())
                .distinct()
                .collect(Collectors.joining("; "));
    }

    private static void report(Path file, String level, boolean good, String detail) {
        String check = file.getFileName() + " as PDF/A-" + level;
        System.out.printf("{\"check\":%s,\"ok\":%b,\"detail\":%s}%n", quoted(check), good, quoted(detail));
    }

    private static String quoted(String text) {
        return '"' + text.replaceAll("[\\p{Cntrl}\"\\\\]", "'") + '"';
    }
}
