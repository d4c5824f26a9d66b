//! The one door from JavaScript: every call passes here, and so does every callback of the browser.
//!
//! Whoever comes while the agent is at work is turned away and counted. The page's own functions (its
//! hook, its `fetch`) are called on the way out, when nothing is borrowed, so they may come in again.

use crate::agent::{Agent, Errand};
use std::cell::{Cell, RefCell};

struct Door {
    agent: RefCell<Option<Agent>>,
    turned_away: Cell<u32>,
    on_errand: Cell<bool>,
}

thread_local! {
    static DOOR: Door = const {
        Door { agent: RefCell::new(None), turned_away: Cell::new(0), on_errand: Cell::new(false) }
    };
}

/// Puts in place the agent that `make` makes. False when there is one.
pub fn install(make: &mut dyn FnMut() -> Agent) -> bool {
    DOOR.with(|door| {
        // Making one reads the page's objects, with getters perhaps: nothing is borrowed meanwhile.
        let vacant = door.agent.try_borrow().is_ok_and(|agent| agent.is_none());
        vacant && door.agent.replace(Some(make())).is_none()
    })
}

/// Lets `work` at the agent. Nothing happens when there is none, or when it is at work.
pub fn enter(work: &mut dyn FnMut(&mut Agent)) {
    DOOR.with(|door| {
        if visit(door, work) {
            run_errands(door);
        }
    });
}

/// True when there are errands to run now.
fn visit(door: &Door, work: &mut dyn FnMut(&mut Agent)) -> bool {
    match door.agent.try_borrow_mut() {
        Ok(mut place) => place.as_mut().is_some_and(|agent| {
            agent.turned_away(door.turned_away.take());
            work(agent);
            agent.has_errands()
        }),
        Err(_) => {
            door.turned_away.set(door.turned_away.get().saturating_add(1));
            false
        }
    }
}

/// Calls the page's functions until there is nothing left to call. One run at a time.
fn run_errands(door: &Door) {
    if door.on_errand.replace(true) {
        return;
    }
    let mut errand = None;
    let mut over = false;
    loop {
        visit(door, &mut |agent| {
            errand = agent.errand();
            over = agent.is_over();
        });
        match errand.take() {
            Some(Errand::Ask(question)) => {
                let answer = question.ask();
                visit(door, &mut |agent| agent.answered(&question, &answer));
            }
            Some(Errand::Send(request)) => request.send(),
            None => break,
        }
    }
    door.on_errand.set(false);
    if over && let Ok(mut place) = door.agent.try_borrow_mut() {
        *place = None;
    }
}
