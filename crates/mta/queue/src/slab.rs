//! Values by number, with numbers used again: messages, jobs, domains, sites, lines, paths, groups, sessions.
//!
//! They lie in chunks: of many, none is moved when there are more, and no room for twice as many is kept free.

/// Values in one chunk. The first one grows as it is needed: most collections are small.
const CHUNK: usize = 1_024;

/// Values by number.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    chunks: Vec<Vec<Option<T>>>,
    free: Vec<u32>,
    len: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab { chunks: Vec::new(), free: Vec::new(), len: 0 }
    }
}

impl<T> Slab<T> {
    pub fn insert(&mut self, item: T) -> u32 {
        self.len += 1;
        if let Some(idx) = self.free.pop() {
            self.chunks[idx as usize / CHUNK][idx as usize % CHUNK] = Some(item);
            return idx;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            let room = if self.chunks.is_empty() { 0 } else { CHUNK };
            self.chunks.push(Vec::with_capacity(room));
        }
        let before = (self.chunks.len() - 1) * CHUNK;
        let chunk = self.chunks.last_mut().expect("invariant: just made");
        chunk.push(Some(item));
        u32::try_from(before + chunk.len() - 1).expect("invariant: fewer than 2^32 items")
    }

    pub fn remove(&mut self, idx: u32) -> T {
        let item = self.chunks[idx as usize / CHUNK][idx as usize % CHUNK].take().expect("invariant: removed once");
        self.free.push(idx);
        self.len -= 1;
        item
    }

    pub fn get(&self, idx: u32) -> Option<&T> {
        self.chunks.get(idx as usize / CHUNK)?.get(idx as usize % CHUNK)?.as_ref()
    }

    pub fn get_mut(&mut self, idx: u32) -> Option<&mut T> {
        self.chunks.get_mut(idx as usize / CHUNK)?.get_mut(idx as usize % CHUNK)?.as_mut()
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let numbered = self.chunks.iter().flatten().enumerate();
        numbered.filter_map(|(idx, item)| Some((idx as u32, item.as_ref()?)))
    }
}

impl<T> std::ops::Index<u32> for Slab<T> {
    type Output = T;

    fn index(&self, idx: u32) -> &T {
        self.get(idx).expect("invariant: a number in use")
    }
}

impl<T> std::ops::IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, idx: u32) -> &mut T {
        self.get_mut(idx).expect("invariant: a number in use")
    }
}
