//! Samples of what the engines write, and the frames they must yield.

use super::Frame;
use crate::json::as_text;

const PAGE: &str = "http://page.test/";

fn parse(stack: &str) -> Vec<Frame<'_>> {
    let mut frames = Vec::new();
    super::parse(stack.as_bytes(), PAGE.as_bytes(), &mut |frame| frames.push(frame));
    frames
}

type Expected<'a> = (&'a str, &'a str, Option<u32>, Option<u32>);

fn check(stack: &str, expected: &[Expected]) {
    let found: Vec<Expected> =
        parse(stack).iter().map(|f| (as_text(f.function), as_text(f.filename), f.line, f.column)).collect();
    assert_eq!(found, expected, "{stack}");
}

#[test]
fn chromium_calls() {
    check(
        "TypeError: cart is undefined\n    at add (http://shop.test/main.js:12:7)\n    at new Cart (http://shop.test/main.js:3:1)\
         \n    at Cart.pay [as checkout] (http://shop.test/main.js:40:13)\n    at http://shop.test/main.js:99:2\
         \n    at async load (http://shop.test/main.js:7:5)\n    at async http://shop.test/lazy.js:1:8\
         \n    at Array.map (<anonymous>)\n    at Promise.all (index 0)",
        &[
            ("add", "http://shop.test/main.js", Some(12), Some(7)),
            ("new Cart", "http://shop.test/main.js", Some(3), Some(1)),
            ("Cart.pay [as checkout]", "http://shop.test/main.js", Some(40), Some(13)),
            ("?", "http://shop.test/main.js", Some(99), Some(2)),
            ("load", "http://shop.test/main.js", Some(7), Some(5)),
            ("?", "http://shop.test/lazy.js", Some(1), Some(8)),
            ("Array.map", "<anonymous>", None, None),
            ("Promise.all", "index 0", None, None),
        ],
    );
}

#[test]
fn chromium_addresses_with_brackets() {
    check(
        "Error: x\n    at foo (http://a.test/[brackets]/(parentheses)/f.js:4:9)\n    at http://a.test/[b]/(p)/f.js:5:1\
         \n    at Module.go (webpack-internal:///(main)/[path]/page.tsx:8:2)",
        &[
            ("foo", "http://a.test/[brackets]/(parentheses)/f.js", Some(4), Some(9)),
            ("?", "http://a.test/[b]/(p)/f.js", Some(5), Some(1)),
            ("Module.go", "webpack-internal:///(main)/[path]/page.tsx", Some(8), Some(2)),
        ],
    );
}

#[test]
fn chromium_eval_lies_where_it_was_called() {
    check(
        "Error: inner\n    at baz (eval at foo (eval at speak (http://a.test/f.js:21:17)), <anonymous>:1:30)\
         \n    at eval (eval at speak (http://a.test/f.js:21:17), <anonymous>:1:1)\
         \n    at Object.speak (http://a.test/f.js:21:17)\n    at eval (eval at run (:370:30), <anonymous>:5:3)",
        &[
            ("baz", "http://a.test/f.js", Some(21), Some(17)),
            ("eval", "http://a.test/f.js", Some(21), Some(17)),
            ("Object.speak", "http://a.test/f.js", Some(21), Some(17)),
            ("eval", PAGE, Some(370), Some(30)),
        ],
    );
}

#[test]
fn firefox_calls() {
    check(
        "foo@http://a.test/f.js:41:13\n@http://a.test/f.js:1:1\nbar/this.go@http://a.test/f.js:5:9\n\
         async*load@http://a.test/f.js:8:2\nobj[\"@who\"]@http://a.test/@stuff/f.js:4:9\n\
         who@http://a.test/@stuff/f.js:3:9\n",
        &[
            ("foo", "http://a.test/f.js", Some(41), Some(13)),
            ("?", "http://a.test/f.js", Some(1), Some(1)),
            ("bar/this.go", "http://a.test/f.js", Some(5), Some(9)),
            ("async*load", "http://a.test/f.js", Some(8), Some(2)),
            ("obj[\"@who\"]", "http://a.test/@stuff/f.js", Some(4), Some(9)),
            ("who", "http://a.test/@stuff/f.js", Some(3), Some(9)),
        ],
    );
}

#[test]
fn firefox_eval_has_the_line_of_the_call() {
    check(
        "baz@http://a.test/f.js line 26 > eval line 2 > eval:1:30\nfoo@http://a.test/f.js line 26 > eval:2:96\n\
         speak@http://a.test/f.js:26:17",
        &[
            ("baz", "http://a.test/f.js", Some(26), Some(30)),
            ("foo", "http://a.test/f.js", Some(26), Some(96)),
            ("speak", "http://a.test/f.js", Some(26), Some(17)),
        ],
    );
}

#[test]
fn safari_calls() {
    check(
        "@http://a.test/f.js:48\ndumb@http://a.test/f.js:52:15\nforEach@[native code]\n[native code]\n\
         eval code\neval@[native code]\nglobal code@http://a.test/f.js:33:18",
        &[
            ("?", "http://a.test/f.js", Some(48), None),
            ("dumb", "http://a.test/f.js", Some(52), Some(15)),
            ("forEach", "[native code]", None, None),
            ("?", "[native code]", None, None),
            ("eval", "[native code]", None, None),
            ("global code", "http://a.test/f.js", Some(33), Some(18)),
        ],
    );
}

#[test]
fn wasm_frames_keep_their_module() {
    check(
        "RuntimeError: unreachable\n    at f (wasm://wasm/01ab:wasm-function[12]:0x1f2)\n    at wasm://wasm/01ab:wasm-function[3]:0x10",
        &[
            ("f", "wasm://wasm/01ab:wasm-function[12]:0x1f2", None, None),
            ("?", "wasm://wasm/01ab:wasm-function[3]:0x10", None, None),
        ],
    );
}

#[test]
fn what_is_no_frame_is_passed_over() {
    check("", &[]);
    check("Error: meet me at noon\nat the usual place\n  data: 0xdeadbeef@cafe\nmail@example.org", &[]);
    let long = format!("    at f (http://a.test/{}.js:1:1)", "x".repeat(1024));
    check(&long, &[]);
    let exact = format!("at f (http://a.test/{}.js:1:1)", "x".repeat(1024 - 28));
    assert_eq!((exact.len(), parse(&exact).len()), (1024, 1));
}

#[test]
fn a_recursion_without_end_is_cut() {
    let stack = "    at again (http://a.test/f.js:1:1)\n".repeat(10_000);
    assert_eq!(parse(&stack).len(), crate::policy::STACK_FRAMES);
}

proptest::proptest! {
    #[test]
    fn no_text_harms(text in "(at |async |eval at |[a-z@:()/ >]|line |[0-9]{1,12}|\\PC|\n){0,60}") {
        let _ = parse(&text);
    }
}
