//! What counts say of themselves when there is more than is counted.

use super::*;

#[tokio::test]
async fn too_many_values_cut_a_list_of_values_and_neither_a_total_nor_a_histogram() {
    let memory = Memory::default();
    (0..20_001).for_each(|n| memory.add(&format!("ACTION_{n}")));
    let app = router(State::new(setup(Arc::new(memory), None)));
    let facets = get(&app, "/audit/v1/facets?facet=action&facet=result").await.json();
    assert_eq!(facets["isCut"], true);
    assert_eq!(facets["total"], json!({ "count": 20_001, "atLeast": false }));
    let results = get(&app, "/audit/v1/facets?facet=result").await.json();
    assert_eq!((&results["isCut"], &results["data"]["result"][0]["count"]), (&json!(false), &json!(20_001)));
    let histogram = get(&app, "/audit/v1/histogram?interval=day").await.json();
    assert_eq!((&histogram["isCut"], &histogram["data"][0]["count"]), (&json!(false), &json!(20_001)));
}

#[tokio::test]
async fn a_history_says_that_links_may_be_missing() {
    let check = async |count: usize, expected: Value| {
        let app = open(count);
        let page = get(&app, "/audit/v1/targets/booking/7/history?limit=1").await.json();
        assert_eq!(page["pagination"]["isCut"], expected, "{count}");
    };
    check(500, Value::Null).await;
    check(501, json!(true)).await;
}
