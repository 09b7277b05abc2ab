//! Step 2, where the escrow key is: everything that was picked is opened by the recovery steps, and the result signed.

use super::result::{Found, FoundObject, Inside, PICKED, Picked, PickedObject, RESULT, Sha256, Signed, is_name, read};
use super::{Report, Stopped};
use crate::cli::vault::with::escrow_key;
use crate::vault::Unlock;
use crate::vault::escrow::EscrowKey;
use crate::vault::offline::SealedFile;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

/// Opens.
pub fn open(folder: &Path, key: &Path, now: jiff::Timestamp) -> Result<Report, Stopped> {
    let list = folder.join(PICKED);
    let picked: Picked = read(&list).map_err(|fault| Stopped::at(&list, &fault))?;
    let key = Arc::new(escrow_key(key).map_err(|code| Stopped { words: "nothing was opened".to_owned(), code })?);
    let minted = picked.minted;
    let objects = picked.objects.into_iter().map(|object| look(folder, object, minted, &key)).collect();
    let found = Found { drill: picked.drill, picked: picked.picked, archive: picked.archive, opened: now, objects };
    let file = folder.join(RESULT);
    let result = serde_json::to_string(&found).map_err(|fault| Stopped::at(&file, &fault))?;
    let signature = key.sign(result.as_bytes()).map_err(|fault| Stopped::at(&file, &fault))?;
    let signed = Signed { dicomgate_drill: 1, result, signature: STANDARD.encode(signature) };
    let text = serde_json::to_string_pretty(&signed).map_err(|fault| Stopped::at(&file, &fault))?;
    fs::File::create(&file)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|fault| Stopped::at(&file, &fault))?;
    let (opened, of) = (found.opened(), found.objects.len());
    let mut words = format!("{opened} of {of} opened with the escrow key ({})\n", key.describe());
    for object in found.objects.iter().filter(|object| object.fault.is_some()) {
        let fault = object.fault.as_deref().unwrap_or_default();
        words.push_str(&format!("{}: NOT OPENED: {fault}\n", object.file));
    }
    words.push_str(&match found.all() {
        true => format!(
            "next, on the gateway: dicomgate vault drill --result {}; only that file has to come back\n",
            file.display()
        ),
        false => "this proves nothing: find out why (docs/recovery.md), then pick and open again\n".to_owned(),
    });
    let json =
        serde_json::json!({ "drill": found.drill, "opened": opened, "of": of, "result": file.display().to_string() });
    Ok(Report { good: found.all(), words, json })
}

fn look(folder: &Path, object: PickedObject, minted: bool, key: &Arc<EscrowKey>) -> FoundObject {
    let outcome = inside(folder, &object, minted, key);
    let PickedObject { file, sha256 } = object;
    let (inside, fault) = match outcome {
        Ok(inside) => (Some(inside), None),
        Err(fault) => (None, Some(fault)),
    };
    FoundObject { file, sha256, inside, fault }
}

fn inside(folder: &Path, object: &PickedObject, minted: bool, key: &Arc<EscrowKey>) -> Result<Inside, String> {
    if !is_name(&object.file) {
        return Err("its name leads out of the folder".to_owned());
    }
    let bytes = fs::read(folder.join(&object.file)).map_err(|fault| fault.to_string())?;
    if Sha256::of(&bytes) != object.sha256 {
        return Err("it is not the file that was picked".to_owned());
    }
    let sealed = SealedFile::find(&bytes).map_err(|fault| fault.to_string())?.ok_or("it is not sealed")?;
    let sealed = SealedFile { minted, ..sealed };
    let mut digest = Sha256::new();
    let opened = sealed.open(Unlock::Escrow(key.clone()), |part| digest.update(&part));
    let opened = opened.map_err(|fault| fault.to_string())?;
    Ok(Inside {
        sop_instance: opened.header.sop_instance.to_string(),
        seal: opened.header.seal.to_string(),
        key: opened.key.map(|key| key.0),
        segments: opened.segments,
        bytes: opened.payload,
        sha256: digest.hex(),
    })
}
