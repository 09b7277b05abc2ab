//! DER as a tree that can be cut and grafted: how forgers would do it.

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub tag: u8,
    pub inside: Inside,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inside {
    Bytes(Vec<u8>),
    Nodes(Vec<Node>),
}

impl Node {
    pub fn bytes(tag: u8, bytes: &[u8]) -> Self {
        Self { tag, inside: Inside::Bytes(bytes.to_vec()) }
    }

    pub fn nodes(tag: u8, nodes: &[Self]) -> Self {
        Self { tag, inside: Inside::Nodes(nodes.to_vec()) }
    }

    /// The element that begins here, and what follows it.
    pub fn read(bytes: &[u8]) -> (Self, &[u8]) {
        let (tag, first) = (bytes[0], bytes[1]);
        let (length, at) = if first < 0x80 {
            (usize::from(first), 2)
        } else {
            let digits = usize::from(first & 0x7f);
            (bytes[2..2 + digits].iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), 2 + digits)
        };
        let (mut value, rest) = bytes[at..].split_at(length);
        if tag & 0x20 == 0 {
            return (Self::bytes(tag, value), rest);
        }
        let mut nodes = Vec::new();
        while !value.is_empty() {
            let (node, after) = Self::read(value);
            nodes.push(node);
            value = after;
        }
        (Self { tag, inside: Inside::Nodes(nodes) }, rest)
    }

    pub fn of(bytes: &[u8]) -> Self {
        let (node, rest) = Self::read(bytes);
        assert!(rest.is_empty());
        node
    }

    pub fn encode(&self) -> Vec<u8> {
        let value: Vec<u8> = match &self.inside {
            Inside::Bytes(bytes) => bytes.clone(),
            Inside::Nodes(nodes) => nodes.iter().flat_map(Self::encode).collect(),
        };
        let mut out = vec![self.tag];
        match value.len() {
            short @ 0..0x80 => out.push(u8::try_from(short).unwrap()),
            long => {
                let digits: Vec<u8> = long.to_be_bytes().into_iter().skip_while(|digit| *digit == 0).collect();
                out.push(0x80 | u8::try_from(digits.len()).unwrap());
                out.extend(digits);
            }
        }
        out.extend(value);
        out
    }

    /// By the places on the way down.
    pub fn at(&mut self, path: &[usize]) -> &mut Self {
        path.iter().fold(self, |node, place| &mut node.inside_mut()[*place])
    }

    pub fn inside_mut(&mut self) -> &mut Vec<Self> {
        match &mut self.inside {
            Inside::Nodes(nodes) => nodes,
            Inside::Bytes(_) => panic!("nothing is inside"),
        }
    }

    pub fn value_mut(&mut self) -> &mut Vec<u8> {
        match &mut self.inside {
            Inside::Bytes(bytes) => bytes,
            Inside::Nodes(_) => panic!("this holds others"),
        }
    }
}

/// Where things stand in a segment.
pub const DATA: &[usize] = &[1, 0];
pub const RECIPIENTS: &[usize] = &[1, 0, 1];
pub const INFORMATION: &[usize] = &[1, 0, 2];
