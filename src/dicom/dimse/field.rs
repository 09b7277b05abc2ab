//! Command fields: the DIMSE services as requests and responses (PS3.7 E.1, (0000,0100)).

use std::fmt;

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident = $code:literal $text:literal,)*) => {
        /// What a command is: a service, and whether it asks or answers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Field { $($(#[$doc])* $name = $code,)* }

        impl Field {
            /// Every command field.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The field that a value of (0000,0100) stands for.
            pub const fn from_code(code: u16) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }

            /// The name of PS3.7 9.3 and 10.3, such as `C-STORE-RQ`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

fields! {
    /// C-STORE-RQ
    StoreRq = 0x0001 "C-STORE-RQ",
    /// C-STORE-RSP
    StoreRsp = 0x8001 "C-STORE-RSP",
    /// C-GET-RQ
    GetRq = 0x0010 "C-GET-RQ",
    /// C-GET-RSP
    GetRsp = 0x8010 "C-GET-RSP",
    /// C-FIND-RQ
    FindRq = 0x0020 "C-FIND-RQ",
    /// C-FIND-RSP
    FindRsp = 0x8020 "C-FIND-RSP",
    /// C-MOVE-RQ
    MoveRq = 0x0021 "C-MOVE-RQ",
    /// C-MOVE-RSP
    MoveRsp = 0x8021 "C-MOVE-RSP",
    /// C-ECHO-RQ
    EchoRq = 0x0030 "C-ECHO-RQ",
    /// C-ECHO-RSP
    EchoRsp = 0x8030 "C-ECHO-RSP",
    /// N-EVENT-REPORT-RQ
    EventReportRq = 0x0100 "N-EVENT-REPORT-RQ",
    /// N-EVENT-REPORT-RSP
    EventReportRsp = 0x8100 "N-EVENT-REPORT-RSP",
    /// N-GET-RQ
    NGetRq = 0x0110 "N-GET-RQ",
    /// N-GET-RSP
    NGetRsp = 0x8110 "N-GET-RSP",
    /// N-SET-RQ
    SetRq = 0x0120 "N-SET-RQ",
    /// N-SET-RSP
    SetRsp = 0x8120 "N-SET-RSP",
    /// N-ACTION-RQ
    ActionRq = 0x0130 "N-ACTION-RQ",
    /// N-ACTION-RSP
    ActionRsp = 0x8130 "N-ACTION-RSP",
    /// N-CREATE-RQ
    CreateRq = 0x0140 "N-CREATE-RQ",
    /// N-CREATE-RSP
    CreateRsp = 0x8140 "N-CREATE-RSP",
    /// N-DELETE-RQ
    DeleteRq = 0x0150 "N-DELETE-RQ",
    /// N-DELETE-RSP
    DeleteRsp = 0x8150 "N-DELETE-RSP",
    /// C-CANCEL-RQ: names the request to end, and is not answered itself.
    CancelRq = 0x0fff "C-CANCEL-RQ",
}

impl Field {
    /// The value of (0000,0100).
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// Whether it answers a request.
    pub const fn is_response(self) -> bool {
        self.code() & 0x8000 != 0
    }

    /// Whether it asks for something that will be answered; C-CANCEL does not.
    pub const fn is_request(self) -> bool {
        !self.is_response() && !matches!(self, Self::CancelRq)
    }

    /// The response of a request.
    pub const fn response(self) -> Option<Self> {
        if self.is_request() { Self::from_code(self.code() | 0x8000) } else { None }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_has_one_response_and_cancel_none() {
        let requests: Vec<_> = Field::ALL.iter().filter(|field| field.is_request()).collect();
        let responses: Vec<_> = Field::ALL.iter().filter(|field| field.is_response()).collect();
        assert_eq!((requests.len(), responses.len(), Field::ALL.len()), (11, 11, 23));
        for request in requests {
            let response = request.response().unwrap();
            assert_eq!(response.as_str(), request.as_str().replace("-RQ", "-RSP"));
            assert_eq!(response.response(), None);
        }
        assert_eq!(Field::CancelRq.response(), None);
        assert_eq!(Field::from_code(0x8fff), None);
    }
}
