package passerelle.interop;

import jakarta.activation.DataHandler;
import jakarta.mail.util.ByteArrayDataSource;
import java.util.ArrayList;
import java.util.List;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Association;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.AssociationLabel;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.AssociationType;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.AvailabilityStatus;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Document;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.DocumentEntry;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Folder;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.SubmissionSet;
import org.openehealth.ipf.commons.ihe.xds.core.requests.ProvideAndRegisterDocumentSet;
import org.openehealth.ipf.commons.ihe.xds.core.requests.RegisterDocumentSet;

/** One submission set in the making: its members and the associations that make them its members (ITI TF-3 4.2.1). */
final class Submission {
    /** An entry and its content. */
    record Part(DocumentEntry entry, byte[] content) {
    }

    final SubmissionSet set;
    final List<Part> documents = new ArrayList<>();
    final List<Folder> folders = new ArrayList<>();
    final List<Association> associations = new ArrayList<>();

    Submission(SubmissionSet set) {
        this.set = set;
    }

    /** A document of this submission; its entry may change until the request is made. */
    Submission with(DocumentEntry entry, byte[] content) {
        documents.add(new Part(entry, content));
        member(entry.getEntryUuid());
        return this;
    }

    /** A new folder; SubmissionSetStatus is for documents only (ITI TF-3 4.2.2). */
    Submission with(Folder folder) {
        folders.add(folder);
        associate(AssociationType.HAS_MEMBER, set.getEntryUuid(), folder.getEntryUuid());
        return this;
    }

    /** An entry in a folder; that membership is itself a member of the submission set (ITI TF-3 4.2.2). */
    Submission inFolder(DocumentEntry entry, Folder folder) {
        Association membership = associate(AssociationType.HAS_MEMBER, folder.getEntryUuid(), entry.getEntryUuid());
        associate(AssociationType.HAS_MEMBER, set.getEntryUuid(), membership.getEntryUuid());
        return this;
    }

    /** An entry takes the place of another. */
    Submission replacing(DocumentEntry entry, String replaced) {
        associate(AssociationType.REPLACE, entry.getEntryUuid(), replaced);
        return this;
    }

    /** The next version of an entry that the registry holds as version `previous` (ITI-57). */
    Submission update(DocumentEntry entry, String previous) {
        documents.add(new Part(entry, new byte[0]));
        member(entry.getEntryUuid()).setPreviousVersion(previous);
        return this;
    }

    /** The next version of a folder (ITI-57). */
    Submission update(Folder folder, String previous) {
        folders.add(folder);
        associate(AssociationType.HAS_MEMBER, set.getEntryUuid(), folder.getEntryUuid()).setPreviousVersion(previous);
        return this;
    }

    /** An association between objects that the registry holds (ITI-57). */
    Submission associating(AssociationType type, String source, String target) {
        Association association = associate(type, source, target);
        associate(AssociationType.SUBMIT_ASSOCIATION, set.getEntryUuid(), association.getEntryUuid());
        return this;
    }

    /** Another status for an object that the registry holds (ITI-57). */
    Submission status(String uuid, AvailabilityStatus original, AvailabilityStatus changed) {
        Association order = associate(AssociationType.UPDATE_AVAILABILITY_STATUS, set.getEntryUuid(), uuid);
        order.setOriginalStatus(original);
        order.setNewStatus(changed);
        return this;
    }

    ProvideAndRegisterDocumentSet provide() {
        ProvideAndRegisterDocumentSet request = new ProvideAndRegisterDocumentSet();
        request.setSubmissionSet(set);
        documents.forEach(each -> request.getDocuments().add(new Document(each.entry(),
                new DataHandler(new ByteArrayDataSource(each.content(), each.entry().getMimeType())))));
        request.getFolders().addAll(folders);
        request.getAssociations().addAll(associations);
        return request;
    }

    RegisterDocumentSet register() {
        RegisterDocumentSet request = new RegisterDocumentSet();
        request.setSubmissionSet(set);
        documents.forEach(each -> request.getDocumentEntries().add(each.entry()));
        request.getFolders().addAll(folders);
        request.getAssociations().addAll(associations);
        return request;
    }

    /** The entryUUIDs of everything in it, as ITI-62 wants them. */
    List<String> everything() {
        List<String> ids = new ArrayList<>(List.of(set.getEntryUuid()));
        documents.forEach(each -> ids.add(each.entry().getEntryUuid()));
        folders.forEach(each -> ids.add(each.getEntryUuid()));
        associations.forEach(each -> ids.add(each.getEntryUuid()));
        return ids;
    }

    private Association member(String uuid) {
        Association association = associate(AssociationType.HAS_MEMBER, set.getEntryUuid(), uuid);
        association.setLabel(AssociationLabel.ORIGINAL);
        return association;
    }

    private Association associate(AssociationType type, String source, String target) {
        Association association = new Association(type, Samples.uuid(), source, target);
        associations.add(association);
        return association;
    }
}
