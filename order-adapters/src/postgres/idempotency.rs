use async_trait::async_trait;
use order_core::StoreError;
use order_core::id::IdempotencyKey;
use order_core::store::{IdempotencyRecord, IdempotencyRepository};
use order_core::time::Timestamp;

use super::PostgresStore;
use super::values::{column, corrupt, uuid};

const TABLE: &str = "idempotency";

#[async_trait]
impl IdempotencyRepository for PostgresStore {
    async fn find_idempotency(
        &self,
        scope: &str,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        let query = sqlx::query(self.sql(
            "SELECT fingerprint, subject, answered_version, created_at FROM {schema}.idempotency
             WHERE scope = $1 AND key = $2",
        ));
        let row = self.optional("find a request", query.bind(scope).bind(key.as_str())).await?;
        let Some(row) = row else { return Ok(None) };
        let answered: Option<i64> = column(TABLE, &row, 2)?;
        let created_at = Timestamp::from_timestamp_millis(column(TABLE, &row, 3)?)
            .ok_or_else(|| corrupt(TABLE, "an instant is out of range"))?;
        let mut record = IdempotencyRecord::new(
            scope.to_owned(),
            key.clone(),
            column(TABLE, &row, 0)?,
            uuid(TABLE, &row, 1)?,
            created_at,
        );
        record.answered_version =
            answered.map(u64::try_from).transpose().map_err(|source| corrupt(TABLE, source))?;
        Ok(Some(record))
    }
}
