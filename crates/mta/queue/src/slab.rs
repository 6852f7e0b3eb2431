//! Values by number, with numbers used again: messages, jobs, domains, sites, lines, paths, groups, sessions.

/// Values by number.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    items: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab { items: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    pub fn insert(&mut self, item: T) -> u32 {
        if let Some(idx) = self.free.pop() {
            self.items[idx as usize] = Some(item);
            return idx;
        }
        self.items.push(Some(item));
        u32::try_from(self.items.len() - 1).expect("invariant: fewer than 2^32 items")
    }

    pub fn remove(&mut self, idx: u32) -> T {
        let item = self.items[idx as usize].take().expect("invariant: removed once");
        self.free.push(idx);
        item
    }

    pub fn get(&self, idx: u32) -> Option<&T> {
        self.items.get(idx as usize)?.as_ref()
    }

    pub fn get_mut(&mut self, idx: u32) -> Option<&mut T> {
        self.items.get_mut(idx as usize)?.as_mut()
    }

    pub fn len(&self) -> usize {
        self.items.len() - self.free.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.items.iter().enumerate().filter_map(|(idx, item)| Some((idx as u32, item.as_ref()?)))
    }
}

impl<T> std::ops::Index<u32> for Slab<T> {
    type Output = T;

    fn index(&self, idx: u32) -> &T {
        self.items[idx as usize].as_ref().expect("invariant: a number in use")
    }
}

impl<T> std::ops::IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, idx: u32) -> &mut T {
        self.items[idx as usize].as_mut().expect("invariant: a number in use")
    }
}
