package passerelle.interop;

import java.util.Arrays;
import org.apache.camel.Processor;
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
            XdsCamelValidators.iti86RequestValidator(), XdsCamelValidators.iti86ResponseValidator());

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

    /** Paths of the endpoints below the base address. */
    private static final class Paths {
        static final String REGISTRY = "/xds/registry";
        static final String REPOSITORY = "/xds/repository";
        static final String RECIPIENT = "/xdr/recipient";
    }
}
