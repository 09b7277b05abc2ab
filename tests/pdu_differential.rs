//! Our reading and writing of PDUs against `dicom-ul`'s, for PDUs that both call well-formed.

#[cfg(test)]
mod differential {
    use bytes::Bytes;
    use dicom_ul::pdu::{
        AssociationAC, AssociationRQ, PDataValue, PDataValueType, Pdu as Theirs, PresentationContextProposed,
        PresentationContextResult, PresentationContextResultReason, RequestorRoles, UserIdentity, UserIdentityType,
        UserVariableItem, read_pdu, write_pdu,
    };
    use dicomgate::dicom::pdu::{AssociateAc, AssociateRq, Event, Framer, FramerLimits, Pdu, UserItems, pdata};
    use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};

    const MAX: u32 = 1 << 20;

    fn uids() -> impl Strategy<Value = String> {
        prop::collection::vec(0_u32..100_000, 1..8)
            .prop_map(|parts| parts.iter().map(u32::to_string).collect::<Vec<_>>().join("."))
    }

    fn titles() -> impl Strategy<Value = String> {
        "[A-Z0-9_]([A-Z0-9_ ]{0,14}[A-Z0-9_])?"
    }

    fn octets(max: usize) -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u8>(), 0..max)
    }

    /// In the order in which we write them.
    fn user_variables(requestor: bool) -> impl Strategy<Value = Vec<UserVariableItem>> {
        let kinds = prop_oneof![
            Just(UserIdentityType::Username),
            Just(UserIdentityType::UsernamePassword),
            Just(UserIdentityType::KerberosServiceTicket),
            Just(UserIdentityType::SamlAssertion),
            Just(UserIdentityType::Jwt),
        ];
        let identity = (any::<bool>(), kinds, octets(30), octets(30))
            .prop_map(|(wants, kind, first, second)| UserIdentity::new(wants, kind, first, second));
        (
            any::<u32>(),
            uids(),
            prop::option::of(any::<[u8; 4]>()),
            prop::collection::btree_map(uids(), any::<(bool, bool)>(), 0..4),
            prop::option::of("[A-Z]{1,16}"),
            prop::collection::btree_map(uids(), octets(9), 0..4),
            prop::option::of(identity),
            prop::collection::vec((0x5a_u8..=0xff, octets(20)), 0..3),
        )
            .prop_map(move |(max, class, window, roles, version, extended, identity, unknown)| {
                let mut items = vec![UserVariableItem::MaxLength(max), UserVariableItem::ImplementationClassUID(class)];
                items.extend(window.map(|window| UserVariableItem::Unknown(0x53, window.to_vec())));
                items.extend(roles.into_iter().map(|(class, (scu, scp))| {
                    UserVariableItem::ScuScpRoleSelectionSubItem(class, RequestorRoles { scu, scp })
                }));
                items.extend(version.map(UserVariableItem::ImplementationVersionName));
                items.extend(extended.into_iter().map(|(class, information)| {
                    UserVariableItem::SopClassExtendedNegotiationSubItem(class, information)
                }));
                items.extend(identity.filter(|_| requestor).map(UserVariableItem::UserIdentityItem));
                items.extend(unknown.into_iter().map(|(kind, value)| UserVariableItem::Unknown(kind, value)));
                items
            })
    }

    fn requests() -> impl Strategy<Value = AssociationRQ> {
        let contexts = prop::collection::btree_map(0_u8..128, (uids(), prop::collection::vec(uids(), 1..4)), 1..6);
        (titles(), titles(), uids(), contexts, user_variables(true)).prop_map(
            |(calling_ae_title, called_ae_title, application_context_name, contexts, user_variables)| AssociationRQ {
                protocol_version: 1,
                calling_ae_title,
                called_ae_title,
                application_context_name,
                presentation_contexts: contexts
                    .into_iter()
                    .map(|(half, (abstract_syntax, transfer_syntaxes))| PresentationContextProposed {
                        id: 2 * half + 1,
                        abstract_syntax,
                        transfer_syntaxes,
                    })
                    .collect(),
                user_variables,
            },
        )
    }

    fn answers() -> impl Strategy<Value = AssociationAC> {
        let reasons = prop_oneof![
            Just(PresentationContextResultReason::Acceptance),
            Just(PresentationContextResultReason::UserRejection),
            Just(PresentationContextResultReason::NoReason),
            Just(PresentationContextResultReason::AbstractSyntaxNotSupported),
            Just(PresentationContextResultReason::TransferSyntaxesNotSupported),
        ];
        let contexts = prop::collection::btree_map(0_u8..128, (reasons, uids()), 1..6);
        (titles(), titles(), uids(), contexts, user_variables(false)).prop_map(
            |(calling_ae_title, called_ae_title, application_context_name, contexts, user_variables)| AssociationAC {
                protocol_version: 1,
                calling_ae_title,
                called_ae_title,
                application_context_name,
                presentation_contexts: contexts
                    .into_iter()
                    .map(|(half, (reason, transfer_syntax))| PresentationContextResult {
                        id: 2 * half + 1,
                        reason,
                        transfer_syntax,
                    })
                    .collect(),
                user_variables,
            },
        )
    }

    fn written(pdu: &Theirs) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_pdu(&mut bytes, pdu).unwrap();
        bytes
    }

    fn read(bytes: &[u8]) -> Theirs {
        let mut rest = bytes;
        let pdu = read_pdu(&mut rest, MAX, true).unwrap().unwrap();
        assert!(rest.is_empty());
        pdu
    }

    /// Our user items in their words.
    fn in_their_words(user: &UserItems) -> Vec<UserVariableItem> {
        let mut items = vec![UserVariableItem::MaxLength(user.max_length)];
        let class = user.implementation_class.map(|class| class.to_string());
        items.extend(class.map(UserVariableItem::ImplementationClassUID));
        items.extend(user.async_window.map(|(invoked, performed)| {
            UserVariableItem::Unknown(0x53, [invoked.to_be_bytes(), performed.to_be_bytes()].concat())
        }));
        items.extend(user.roles.iter().map(|role| {
            let roles = RequestorRoles { scu: role.scu, scp: role.scp };
            UserVariableItem::ScuScpRoleSelectionSubItem(role.sop_class.to_string(), roles)
        }));
        let version = user.implementation_version.as_ref();
        items.extend(version.map(|name| UserVariableItem::ImplementationVersionName(name.to_string())));
        items.extend(user.extended.iter().map(|(class, information)| {
            UserVariableItem::SopClassExtendedNegotiationSubItem(class.to_string(), information.to_vec())
        }));
        items.extend(user.identity.as_ref().map(|identity| {
            let kind = match identity.kind {
                1 => UserIdentityType::Username,
                2 => UserIdentityType::UsernamePassword,
                3 => UserIdentityType::KerberosServiceTicket,
                4 => UserIdentityType::SamlAssertion,
                5 => UserIdentityType::Jwt,
                other => panic!("identity type {other} was not made"),
            };
            let (first, second) = (identity.primary.clone(), identity.secondary.clone());
            UserVariableItem::UserIdentityItem(UserIdentity::new(identity.positive_response, kind, first, second))
        }));
        items.extend(user.unknown.iter().map(|(kind, value)| UserVariableItem::Unknown(*kind, value.to_vec())));
        items
    }

    fn request_in_their_words(rq: &AssociateRq) -> AssociationRQ {
        AssociationRQ {
            protocol_version: rq.protocol_version,
            calling_ae_title: rq.calling.parse().unwrap().to_string(),
            called_ae_title: rq.called.parse().unwrap().to_string(),
            application_context_name: rq.application_context.to_string(),
            presentation_contexts: rq
                .contexts
                .iter()
                .map(|context| PresentationContextProposed {
                    id: context.id,
                    abstract_syntax: context.abstract_syntax.to_string(),
                    transfer_syntaxes: context.transfer_syntaxes.iter().map(ToString::to_string).collect(),
                })
                .collect(),
            user_variables: in_their_words(&rq.user),
        }
    }

    fn answer_in_their_words(ac: &AssociateAc) -> AssociationAC {
        use PresentationContextResultReason as Reason;
        AssociationAC {
            protocol_version: ac.protocol_version,
            calling_ae_title: ac.calling.parse().unwrap().to_string(),
            called_ae_title: ac.called.parse().unwrap().to_string(),
            application_context_name: ac.application_context.to_string(),
            presentation_contexts: ac
                .contexts
                .iter()
                .map(|context| PresentationContextResult {
                    id: context.id,
                    reason: match context.result.byte() {
                        0 => Reason::Acceptance,
                        1 => Reason::UserRejection,
                        2 => Reason::NoReason,
                        3 => Reason::AbstractSyntaxNotSupported,
                        4 => Reason::TransferSyntaxesNotSupported,
                        other => panic!("result {other} was not made"),
                    },
                    transfer_syntax: context.transfer_syntax.unwrap().to_string(),
                })
                .collect(),
            user_variables: in_their_words(&ac.user),
        }
    }

    /// What the framer makes of some bytes: PDVs put together again, control PDUs.
    fn framed(bytes: &[u8], slice: usize) -> (Vec<PDataValue>, Vec<Pdu>) {
        let mut framer = Framer::new(FramerLimits { pdata: MAX, odd_fragments: true, ..FramerLimits::default() });
        let (mut pdvs, mut pdus) = (Vec::new(), Vec::new());
        for piece in bytes.chunks(slice) {
            framer.feed(Bytes::copy_from_slice(piece));
            while let Some(event) = framer.next().unwrap() {
                match event {
                    Event::Control { pdu, .. } => pdus.push(pdu),
                    Event::PDataEnd { .. } => {}
                    Event::Fragment(fragment) => {
                        if fragment.begins {
                            pdvs.push(PDataValue {
                                presentation_context_id: fragment.context,
                                value_type: if fragment.command {
                                    PDataValueType::Command
                                } else {
                                    PDataValueType::Data
                                },
                                is_last: fragment.last,
                                data: Vec::new(),
                            });
                        }
                        pdvs.last_mut().unwrap().data.extend_from_slice(&fragment.bytes);
                    }
                }
            }
        }
        assert!(!framer.mid_pdu());
        (pdvs, pdus)
    }

    proptest! {
        #[test]
        fn requests_are_read_and_written_alike(theirs in requests()) {
            let bytes = written(&Theirs::AssociationRQ(theirs.clone()));
            let ours = AssociateRq::decode(&bytes).unwrap();
            prop_assert_eq!(request_in_their_words(&ours), theirs.clone());
            prop_assert_eq!(ours.encode(), bytes);
            prop_assert_eq!(read(&ours.encode()), Theirs::AssociationRQ(theirs));
        }

        #[test]
        fn answers_are_read_and_written_alike(theirs in answers()) {
            let bytes = written(&Theirs::AssociationAC(theirs.clone()));
            let ours = AssociateAc::decode(&bytes).unwrap();
            prop_assert_eq!(answer_in_their_words(&ours), theirs.clone());
            prop_assert_eq!(ours.encode(), bytes);
            prop_assert_eq!(read(&ours.encode()), Theirs::AssociationAC(theirs));
        }

        #[test]
        fn p_data_is_read_alike(
            pdvs in prop::collection::vec((any::<u8>(), any::<bool>(), any::<bool>(), octets(60)), 1..5),
            slice in 1_usize..100,
        ) {
            let theirs: Vec<_> = pdvs
                .into_iter()
                .map(|(presentation_context_id, command, is_last, data)| PDataValue {
                    presentation_context_id,
                    value_type: if command { PDataValueType::Command } else { PDataValueType::Data },
                    is_last,
                    data,
                })
                .collect();
            let bytes = written(&Theirs::PData { data: theirs.clone() });
            prop_assert_eq!(framed(&bytes, slice).0, theirs);
        }

        #[test]
        fn messages_are_written_so_that_they_read_them(
            command in octets(200), data in octets(400), context in any::<u8>(), max in 8_u32..300,
        ) {
            let mut rest = &pdata::write_message(context, &command, Some(&data), max)[..];
            let (mut commands, mut sets, mut ended) = (Vec::new(), Vec::new(), (false, false));
            while let Some(pdu) = read_pdu(&mut rest, 1018, true).unwrap_or(None) {
                let Theirs::PData { data } = pdu else { panic!("not P-DATA") };
                for pdv in data {
                    prop_assert_eq!(pdv.presentation_context_id, context);
                    prop_assert!(pdv.data.len() + 6 <= max as usize);
                    prop_assert!(pdv.is_last || pdv.data.len() % 2 == 0);
                    let is_command = pdv.value_type == PDataValueType::Command;
                    let (part, end) =
                        if is_command { (&mut commands, &mut ended.0) } else { (&mut sets, &mut ended.1) };
                    prop_assert!(!*end, "a fragment behind the last");
                    *end = pdv.is_last;
                    part.extend(pdv.data);
                }
            }
            prop_assert!(rest.is_empty());
            prop_assert_eq!((commands, sets, ended), (command, data, (true, true)));
        }

        #[test]
        fn what_we_take_of_damaged_requests_they_take_alike(
            theirs in requests(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let mut bytes = written(&Theirs::AssociationRQ(theirs));
            let at = 6 + at.index(bytes.len() - 6);
            bytes[at] = byte;
            // Where both take it, both must mean the same contexts: a difference here is a way around policy.
            let ours = AssociateRq::decode(&bytes);
            let theirs = read_pdu(&mut &bytes[..], MAX, true);
            if let (Ok(ours), Ok(Some(Theirs::AssociationRQ(theirs)))) = (ours, theirs) {
                let contexts: Vec<_> = ours
                    .contexts
                    .iter()
                    .map(|context| (context.id, context.abstract_syntax.to_string(), context.transfer_syntaxes.len()))
                    .collect();
                let others: Vec<_> = theirs
                    .presentation_contexts
                    .iter()
                    .map(|context| (
                        context.id,
                        context.abstract_syntax.trim_matches(['\0', ' ']).to_string(),
                        context.transfer_syntaxes.len(),
                    ))
                    .collect();
                prop_assert_eq!(contexts, others);
            }
        }
    }

    #[test]
    fn small_pdus_are_written_alike() {
        use dicom_ul::pdu::{
            AbortRQServiceProviderReason, AbortRQSource, AssociationRJ, AssociationRJResult,
            AssociationRJServiceProviderPresentationReason, AssociationRJSource,
        };
        let busy = AssociationRJSource::ServiceProviderPresentation(
            AssociationRJServiceProviderPresentationReason::LocalLimitExceeded,
        );
        let source = AbortRQSource::ServiceProvider(AbortRQServiceProviderReason::InvalidPduParameter);
        for theirs in [
            Theirs::AssociationRJ(AssociationRJ { result: AssociationRJResult::Transient, source: busy }),
            Theirs::ReleaseRQ,
            Theirs::ReleaseRP,
            Theirs::AbortRQ { source: AbortRQSource::ServiceUser },
            Theirs::AbortRQ { source },
        ] {
            let bytes = written(&theirs);
            let ours = Pdu::decode(&bytes).unwrap();
            assert_eq!(ours.encode(), bytes);
            assert_eq!(read(&ours.encode()), theirs);
            assert_eq!(framed(&bytes, 3).1, [ours]);
        }
    }
}
