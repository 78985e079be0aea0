use ::mongodb::bson::doc;
use async_trait::async_trait;
use order_core::StoreError;
use order_core::id::IdempotencyKey;
use order_core::store::{IdempotencyRecord, IdempotencyRepository};

use super::MongoStore;
use super::documents::IDEMPOTENCY;
use super::values::{counter, instant, parsed, text};

#[async_trait]
impl IdempotencyRepository for MongoStore {
    async fn find_idempotency(
        &self,
        scope: &str,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        let filter = doc! { "_id": { "scope": scope, "key": key.as_str() } };
        let Some(found) = self.one("find a request", IDEMPOTENCY, filter).await? else { return Ok(None) };
        let mut record = IdempotencyRecord::new(
            scope.to_owned(),
            key.clone(),
            text(IDEMPOTENCY, &found, "fingerprint")?.to_owned(),
            parsed(IDEMPOTENCY, &found, "subject")?,
            instant(IDEMPOTENCY, &found, "created_at")?,
        );
        if found.contains_key("answered_version") {
            record.answered_version = Some(counter(IDEMPOTENCY, &found, "answered_version")?);
        }
        Ok(Some(record))
    }
}
