//! Which source sends: weighted round robin over the members of a pool that can take work now.
//!
//! Smooth form: each able member gains its weight, the one with most is picked and pays the sum, so the shares hold over
//! any stretch and turns of a heavy member are spread among those of the light ones. A member that is suspended, resting
//! or full is passed over and gains nothing meanwhile.

/// The state of one rotation over the members of a pool.
#[derive(Clone, Debug, Default)]
pub struct Rotation {
    credit: Vec<i64>,
}

impl Rotation {
    /// Picks among the members for which `able` is true; `None` when there is none with a weight.
    pub fn pick(&mut self, weights: &[u32], able: impl Fn(usize) -> bool) -> Option<usize> {
        self.credit.resize(weights.len(), 0);
        let (mut best, mut sum): (Option<usize>, i64) = (None, 0);
        for (member, &weight) in weights.iter().enumerate() {
            if weight == 0 || !able(member) {
                continue;
            }
            sum += i64::from(weight);
            self.credit[member] += i64::from(weight);
            if best.is_none_or(|best| self.credit[member] > self.credit[best]) {
                best = Some(member);
            }
        }
        if let Some(best) = best {
            self.credit[best] -= sum;
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_member_that_cannot_is_passed_over() {
        let mut rotation = Rotation::default();
        assert_eq!(rotation.pick(&[5, 1], |member| member == 1), Some(1));
        assert_eq!(rotation.pick(&[5, 0], |member| member == 1), None);
        assert_eq!(rotation.pick(&[], |_| true), None);
    }

    proptest! {
        #[test]
        fn shares_follow_the_weights(weights in prop::collection::vec(0_u32..100, 1..8)) {
            let sum: u32 = weights.iter().sum();
            let mut rotation = Rotation::default();
            let mut picked = vec![0_u32; weights.len()];
            for _ in 0..sum {
                picked[rotation.pick(&weights, |_| true).expect("the sum is above 0")] += 1;
            }
            prop_assert_eq!(picked, weights);
        }
    }
}
