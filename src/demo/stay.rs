//! After the tour: what to try by hand, until Ctrl-C.

use super::hospital::{ARCHIVE, Hospital, PASSCODE, REFERRER, SCANNER, WORKSTATION};
use super::report::Report;
use crate::dicom::Tag;
use std::io::Write;

/// Prints lines that can be pasted into another terminal, with DCMTK's tools.
pub fn hints<W: Write>(report: &mut Report<W>, hospital: &Hospital, incidents: &[String]) {
    let folder = hospital.folder.path().display();
    let (address, port) = (hospital.target.address.ip(), hospital.target.address.port());
    let tls = |device: &str| {
        let name = device.to_lowercase();
        let file = |suffix: &str| hospital.certificate(&format!("{name}.{suffix}")).display().to_string();
        let ca = hospital.certificate("ca.crt");
        format!(
            "+tls {} {} +cf {} -aet {device} -aec {ARCHIVE} {address} {port}",
            file("key"),
            file("crt"),
            ca.display()
        )
    };
    report.chapter("It stays up until Ctrl-C");
    report.text(format_args!("gateway {address}:{port} (TLS), archive {} (plain)", hospital.archive.address()));
    report.text(format_args!("files   {folder} (pictures, safe, archive, config)"));
    report.chapter("To try from another terminal (DCMTK)");
    report.text(format_args!("echoscu  {}", tls(SCANNER)));
    report.text(format_args!("storescu {} {folder}/study/000001.dcm", tls(SCANNER)));
    let keys = "-S -k QueryRetrieveLevel=STUDY -k PatientName -k StudyInstanceUID -k NumberOfStudyRelatedInstances";
    report.text(format_args!("findscu  {} {keys}", tls(WORKSTATION)));
    report.text("and what is refused:");
    report.text(format_args!("findscu  {} {keys}", tls(SCANNER)));
    report.text(format_args!("echoscu  -aet {SCANNER} -aec {ARCHIVE} {address} {port}"));
    report.text("a person at WS1, who may find and get but not store; then with a guessed passcode:");
    for passcode in [PASSCODE, "guessed"] {
        let (tls, file) = (tls(WORKSTATION), format!("{folder}/study/000001.dcm"));
        report.text(format_args!("storescu --user {REFERRER} --password {passcode} {tls} {file}"));
    }
    report.text("what the archive itself gives whoever reaches it, and what opens its files without a gateway:");
    if let Some(image) = hospital.archive.store().all().first() {
        let (archive, study) = (hospital.archive.address(), image.attributes.plain(Tag(0x0020, 0x000d)));
        report.text(format_args!(
            "getscu   -od {folder}/pictures -aec {ARCHIVE} {} {} -S -k QueryRetrieveLevel=STUDY -k StudyInstanceUID={study}",
            archive.ip(),
            archive.port()
        ));
    }
    let (safe, sealed) = (hospital.escrow_key(), hospital.files());
    report.text(format_args!("dicomgate vault open --escrow-key {} {}/*.dcm", safe.display(), sealed.display()));
    report.text(format_args!("dicomgate vault status --config {}", hospital.configuration().display()));
    report.text("and who is in quarantine, which accounts there are, why something was refused:");
    let configuration = hospital.configuration();
    report.text(format_args!("dicomgate quarantine list --all --config {}", configuration.display()));
    report.text(format_args!("dicomgate user list --config {}", configuration.display()));
    let state = hospital.state();
    for incident in incidents.iter().take(1) {
        report.text(format_args!("dicomgate why {incident} --state {}", state.display()));
    }
    report.text(format_args!("dicomgate audit verify --state {}", state.display()));
}
