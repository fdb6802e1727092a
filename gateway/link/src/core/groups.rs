//! The groups of tags that are confirmed together.

use std::time::Duration;

use crate::event::{Group, Handle};

#[derive(Debug, Default)]
pub(super) struct Groups(Vec<One>);

#[derive(Debug)]
struct One {
    limit: Option<Duration>,
    /// Who was ever declared to be of it.
    members: Vec<Handle>,
    /// Somebody of it may have a value that nobody has confirmed since the bus was connected. A PLC confirms with each
    /// answer, and hardly ever has it to look through its members for that.
    doubted: bool,
}

impl Groups {
    pub(super) fn open(&mut self, limit: Option<Duration>) -> Group {
        let group = Group(u16::try_from(self.0.len()).expect("far fewer groups than tags"));
        self.0.push(One { limit, members: Vec::new(), doubted: false });
        group
    }

    pub(super) fn limit(&self, group: Group) -> Option<Duration> {
        self.0.get(usize::from(group.0))?.limit
    }

    /// In order of their numbers.
    pub(super) fn limits(&self) -> impl Iterator<Item = Option<Duration>> {
        self.0.iter().map(|one| one.limit)
    }

    /// A tag is of this group from now on; that it may have been of another is for its owner to know.
    pub(super) fn join(&mut self, group: Group, tag: Handle) {
        if let Some(one) = self.0.get_mut(usize::from(group.0)) {
            one.members.push(tag);
            one.doubted = true;
        }
    }

    pub(super) fn doubt(&mut self, group: Group) {
        if let Some(one) = self.0.get_mut(usize::from(group.0)) {
            one.doubted = true;
        }
    }

    pub(super) fn doubt_all(&mut self) {
        self.0.iter_mut().for_each(|one| one.doubted = true);
    }

    /// The members of a group of which somebody is in doubt; none of them is after this.
    pub(super) fn take_doubted(&mut self, group: Group) -> impl Iterator<Item = Handle> {
        let one = self.0.get_mut(usize::from(group.0));
        let doubted = one.filter(|one| one.doubted).map(|one| {
            one.doubted = false;
            one.members.as_slice()
        });
        doubted.unwrap_or_default().iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_looked_through_once_for_each_doubt() {
        let mut groups = Groups::default();
        let (first, second) = (groups.open(None), groups.open(Some(Duration::from_secs(3))));
        [Handle(0), Handle(1)].into_iter().for_each(|tag| groups.join(first, tag));
        groups.join(second, Handle(2));
        let doubted = |groups: &mut Groups, group| groups.take_doubted(group).collect::<Vec<_>>();
        assert_eq!(doubted(&mut groups, first), [Handle(0), Handle(1)], "nobody has confirmed them yet");
        assert_eq!(doubted(&mut groups, first), []);
        groups.doubt(first);
        assert_eq!(doubted(&mut groups, first), [Handle(0), Handle(1)]);
        assert_eq!(doubted(&mut groups, second), [Handle(2)], "each group has doubts of its own");
        groups.doubt_all();
        assert_eq!(doubted(&mut groups, second), [Handle(2)]);
        groups.join(second, Handle(3));
        assert_eq!(doubted(&mut groups, second), [Handle(2), Handle(3)], "a newcomer isn't confirmed");
    }
}
