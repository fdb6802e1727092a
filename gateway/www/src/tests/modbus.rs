//! How the connections to devices are, and their frames, over HTTP; the Modbus daemon is in the test's hands.

use link::Event;
use serde_json::{Value as Json, json};
use tag::Value;

use super::stage::{Call, Folders, Window, soon};

#[tokio::test]
async fn the_daemon_is_asked_and_its_answers_are_passed_on() {
    let folders = Folders::new();
    let mut window = Window::open(&folders).await;
    let cookie = window.let_in().await;
    let (events, mut calls) =
        (window.events.clone(), std::mem::replace(&mut window.calls, tokio::sync::mpsc::channel(1).1));
    let answering = async {
        let answers = [
            Some(Value::Json("{\"name\":\"PLC1\",\"load\":3.5,\"units\":[]}".into())),
            Some(Value::Bytes(vec![0xD4, 0xC3, 0xB2, 0xA1].into())),
            None,
            None,
        ];
        for answer in answers {
            let Some(Call::Ask(id, question)) = calls.recv().await else { panic!("a question") };
            assert_eq!(question, json!({}));
            let event = match answer {
                Some(value) => Event::Answer { id, value, last: true },
                None => Event::AskFailed(id, "nobody owns it".into()),
            };
            events.send(event).await.unwrap();
        }
    };
    let browser = async {
        let told = |text: String| serde_json::from_str::<Json>(&text).unwrap();
        let answer = window.get("/api/modbus", &cookie).await;
        let line = json!({"name": "PLC1", "at": "127.0.0.1:502", "load": 3.5, "units": []});
        assert_eq!((answer.status, told(answer.text())), (200, json!({ "connections": [line] })));
        let answer = window.get("/api/modbus/PLC1.pcap", &cookie).await;
        assert_eq!((answer.status, &answer.body[..]), (200, &[0xD4, 0xC3, 0xB2, 0xA1][..]));
        assert_eq!(answer.headers["content-type"], "application/vnd.tcpdump.pcap");
        assert_eq!(answer.headers["content-disposition"], "attachment");
        let answer = window.get("/api/modbus", &cookie).await;
        let line = json!({"name": "PLC1", "at": "127.0.0.1:502", "error": "nobody owns it"});
        assert_eq!((answer.status, told(answer.text())), (200, json!({ "connections": [line] })));
        assert_eq!(window.get("/api/modbus/PLC1.pcap", &cookie).await.status, 503);
        for wrong in ["/api/modbus/PLC2.pcap", "/api/modbus/PLC1", "/api/modbus/%ff.pcap"] {
            assert_eq!(window.get(wrong, &cookie).await.status, 404, "{wrong}");
        }
        for path in ["/api/modbus", "/api/modbus/PLC1.pcap"] {
            assert_eq!(window.get(path, "").await.status, 401, "nobody is let in without a session: {path}");
        }
    };
    soon("all answers", async { tokio::join!(answering, browser) }).await;
    window.close().await;
}
