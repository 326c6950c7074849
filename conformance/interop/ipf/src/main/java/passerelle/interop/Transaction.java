package passerelle.interop;

import java.util.Arrays;
import java.util.Set;
import org.apache.camel.Processor;
import org.openehealth.ipf.platform.camel.ihe.hl7v3.PixPdqV3CamelValidators;
import org.openehealth.ipf.platform.camel.ihe.mllp.PamCamelValidators;
import org.openehealth.ipf.platform.camel.ihe.mllp.PixPdqCamelValidators;
import org.openehealth.ipf.platform.camel.ihe.xds.XdsCamelValidators;

/** The transactions that are tried: IPF's component, our path, IPF's validators of request and response. */
enum Transaction {
    ITI_41("xds-iti41", Paths.REPOSITORY,
            XdsCamelValidators.iti41RequestValidator(), XdsCamelValidators.iti41ResponseValidator()),
    ITI_42("xds-iti42", Paths.REGISTRY,
            XdsCamelValidators.iti42RequestValidator(), XdsCamelValidators.iti42ResponseValidator()),
    XDR("xds-iti41", Paths.RECIPIENT,
            XdsCamelValidators.iti41XdrRequestValidator(), XdsCamelValidators.iti41ResponseValidator()),
    ITI_18("xds-iti18", Paths.REGISTRY,
            XdsCamelValidators.iti18RequestValidator(), XdsCamelValidators.iti18ResponseValidator()),
    ITI_43("xds-iti43", Paths.REPOSITORY,
            XdsCamelValidators.iti43RequestValidator(), XdsCamelValidators.iti43ResponseValidator()),
    ITI_51("xds-iti51", Paths.REGISTRY,
            XdsCamelValidators.iti51RequestValidator(), XdsCamelValidators.iti51ResponseValidator()),
    ITI_57("xds-iti57", Paths.REGISTRY,
            XdsCamelValidators.iti57RequestValidator(), XdsCamelValidators.iti57ResponseValidator()),
    ITI_61("xds-iti61", Paths.REGISTRY,
            XdsCamelValidators.iti61RequestValidator(), XdsCamelValidators.iti61ResponseValidator()),
    ITI_92("rmu-iti92", Paths.REGISTRY,
            XdsCamelValidators.iti92RequestValidator(), XdsCamelValidators.iti92ResponseValidator()),
    ITI_62("xds-iti62", Paths.REGISTRY,
            XdsCamelValidators.iti62RequestValidator(), XdsCamelValidators.iti62ResponseValidator()),
    ITI_86("rmd-iti86", Paths.REPOSITORY,
            XdsCamelValidators.iti86RequestValidator(), XdsCamelValidators.iti86ResponseValidator()),
    ITI_8("pix-iti8", Paths.MLLP,
            PixPdqCamelValidators.iti8RequestValidator(), PixPdqCamelValidators.iti8ResponseValidator()),
    ITI_9("pix-iti9", Paths.MLLP,
            PixPdqCamelValidators.iti9RequestValidator(), PixPdqCamelValidators.iti9ResponseValidator()),
    ITI_21("pdq-iti21", Paths.MLLP,
            PixPdqCamelValidators.iti21RequestValidator(), PixPdqCamelValidators.iti21ResponseValidator()),
    ITI_22("pdq-iti22", Paths.MLLP,
            PixPdqCamelValidators.iti22RequestValidator(), PixPdqCamelValidators.iti22ResponseValidator()),
    ITI_30("pam-iti30", Paths.MLLP + "&iheOptions=MERGE,LINK_UNLINK",
            PamCamelValidators.iti30RequestValidator(), PamCamelValidators.iti30ResponseValidator()),
    ITI_31("pam-iti31", Paths.MLLP + "&iheOptions=INPATIENT_OUTPATIENT_ENCOUNTER_MANAGEMENT",
            PamCamelValidators.iti31RequestValidator(), PamCamelValidators.iti31ResponseValidator()),
    ITI_44("pixv3-iti44", Paths.PIX,
            PixPdqV3CamelValidators.iti44RequestValidator(), PixPdqV3CamelValidators.iti44ResponseValidator()),
    ITI_45("pixv3-iti45", Paths.PIX,
            PixPdqV3CamelValidators.iti45RequestValidator(), PixPdqV3CamelValidators.iti45ResponseValidator()),
    ITI_47("pdqv3-iti47", Paths.PDQ,
            PixPdqV3CamelValidators.iti47RequestValidator(), PixPdqV3CamelValidators.iti47ResponseValidator()),
    ITI_55("xcpd-iti55", Paths.RESPONDER,
            PixPdqV3CamelValidators.iti55RequestValidator(), PixPdqV3CamelValidators.iti55ResponseValidator()),
    ITI_56("xcpd-iti56", Paths.RESPONDER,
            PixPdqV3CamelValidators.iti56RequestValidator(), PixPdqV3CamelValidators.iti56ResponseValidator());

    final String component;
    final String path;
    final Processor requestValidator;
    final Processor responseValidator;

    Transaction(String component, String path, Processor requestValidator, Processor responseValidator) {
        this.component = component;
        this.path = path;
        this.requestValidator = requestValidator;
        this.responseValidator = responseValidator;
    }

    /** By its name as IHE writes it, "ITI-41"; "XDR" is ITI-41 to a Document Recipient. */
    static Transaction of(String name) {
        return Arrays.stream(values()).filter(each -> each.toString().equals(name.strip())).findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no such transaction: " + name));
    }

    @Override
    public String toString() {
        return name().replace('_', '-');
    }

    /** Over MLLP, not SOAP. */
    boolean isHl7v2() {
        return path.startsWith(Paths.MLLP);
    }

    /** Text goes in and comes out, and what a schema says is in IPF's validators. */
    boolean isHl7v3() {
        return Paths.HL7V3.contains(path);
    }

    /** Options of an MLLP endpoint, each with its separator. */
    String options() {
        return isHl7v2() ? path.substring(Paths.MLLP.length()) : "";
    }

    /** Paths of the endpoints below the base address. */
    private static final class Paths {
        static final String REGISTRY = "/xds/registry";
        static final String REPOSITORY = "/xds/repository";
        static final String RECIPIENT = "/xdr/recipient";
        static final String PIX = "/pix";
        static final String PDQ = "/pdq";
        static final String RESPONDER = "/xcpd/responder";
        static final String MLLP = "mllp";
        static final Set<String> HL7V3 = Set.of(PIX, PDQ, RESPONDER);
    }
}
