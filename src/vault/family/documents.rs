//! Small documents that stand in the place of sealed ones, by MIME type.

/// What they all say.
const WORDS: &str = "SEALED: open through the gateway.";

/// The document in the place of one of a MIME type (0042,0012); text where nobody knows the type.
pub(super) fn of(mime: &[u8]) -> Vec<u8> {
    let mime: Vec<u8> = mime.iter().filter(|byte| **byte != 0).map(u8::to_ascii_lowercase).collect();
    match mime.trim_ascii() {
        b"application/pdf" => pdf(),
        b"text/xml" | b"application/xml" => cda(),
        b"model/stl" | b"application/sla" => stl(),
        b"model/obj" => format!("# {WORDS}\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n").into_bytes(),
        b"model/mtl" => format!("# {WORDS}\nnewmtl sealed\nKd 1 1 1\n").into_bytes(),
        _ => format!("{WORDS}\n").into_bytes(),
    }
}

/// One page (ISO 32000-1 7.5): every object and the table of where they begin.
fn pdf() -> Vec<u8> {
    let page = format!("BT /F1 24 Tf 72 700 Td ({WORDS}) Tj ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{page}\nendstream", page.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut text = String::from("%PDF-1.4\n");
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (index, object) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", text.len()));
        text.push_str(&format!("{} 0 obj\n{object}\nendobj\n", index + 1));
    }
    let start = text.len();
    text.push_str(&table);
    text.push_str(&format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1));
    text.into_bytes()
}

/// A clinical document (HL7 CDA R2) without a patient.
fn cda() -> Vec<u8> {
    format!(
        concat!(
            r#"<?xml version="1.0" encoding="UTF-8"?>"#,
            "\n",
            r#"<ClinicalDocument xmlns="urn:hl7-org:v3"><typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>"#,
            r#"<id nullFlavor="MSK"/><code nullFlavor="MSK"/><title>{words}</title><effectiveTime nullFlavor="MSK"/>"#,
            r#"<confidentialityCode nullFlavor="MSK"/><recordTarget nullFlavor="MSK"/><author nullFlavor="MSK"/>"#,
            r#"<custodian nullFlavor="MSK"/><component><nonXMLBody><text>{words}</text></nonXMLBody></component>"#,
            "</ClinicalDocument>\n"
        ),
        words = WORDS
    )
    .into_bytes()
}

/// Binary STL: a header of 80 bytes that does not begin with "solid", the number of triangles, one of them.
fn stl() -> Vec<u8> {
    let mut bytes = format!("{WORDS:80}").into_bytes();
    bytes.extend_from_slice(&1_u32.to_le_bytes());
    for number in [0.0_f32, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(&[0; 2]);
    bytes
}
