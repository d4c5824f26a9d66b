//! The one door from JavaScript: every call passes here, and so does every callback of the browser.
//!
//! Whoever comes while the agent is at work is turned away and counted. The page's own functions (its
//! hook, its `fetch`) are called on the way out, when nothing is borrowed, so they may come in again.

use crate::agent::{Agent, Errand};
use std::cell::{Cell, RefCell};

thread_local! {
    static AGENT: RefCell<Option<Agent>> = const { RefCell::new(None) };
    static TURNED_AWAY: Cell<u32> = const { Cell::new(0) };
    static ON_ERRAND: Cell<bool> = const { Cell::new(false) };
}

/// Puts in place the agent that `make` makes. False when there is one.
pub fn install(make: impl FnOnce() -> Agent) -> bool {
    // Making one reads the page's objects, with getters perhaps: nothing is borrowed meanwhile.
    let vacant = AGENT.with(|cell| cell.try_borrow().is_ok_and(|agent| agent.is_none()));
    let Some(agent) = vacant.then(make) else { return false };
    let installed = AGENT.with(|cell| cell.try_borrow_mut().map(|mut place| *place = Some(agent)).is_ok());
    run_errands();
    installed
}

/// Lets `work` at the agent. Nothing happens when there is none, or when it is at work.
pub fn enter(work: &mut dyn FnMut(&mut Agent)) {
    if visit(work) {
        run_errands();
    }
}

/// True when there are errands to run now.
fn visit(work: &mut dyn FnMut(&mut Agent)) -> bool {
    AGENT.with(|cell| match cell.try_borrow_mut() {
        Ok(mut place) => place.as_mut().is_some_and(|agent| {
            agent.turned_away(TURNED_AWAY.take());
            work(agent);
            agent.has_errands()
        }),
        Err(_) => {
            TURNED_AWAY.set(TURNED_AWAY.get().saturating_add(1));
            false
        }
    })
}

/// Calls the page's functions until there is nothing left to call. One run at a time.
fn run_errands() {
    if ON_ERRAND.replace(true) {
        return;
    }
    loop {
        let mut errand = None;
        visit(&mut |agent| errand = agent.errand());
        match errand {
            Some(Errand::Ask(question)) => {
                let answer = question.ask();
                visit(&mut |agent| agent.answered(&question, &answer));
            }
            Some(Errand::Send(request)) => request.send(),
            None => break,
        }
    }
    ON_ERRAND.set(false);
    AGENT.with(|cell| {
        if let Ok(mut place) = cell.try_borrow_mut()
            && place.as_ref().is_some_and(Agent::is_over)
        {
            *place = None;
        }
    });
}
