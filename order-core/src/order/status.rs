use crate::status_table;

status_table! {
    /// What an order's status may become, and by what.
    ///
    /// `confirmed` is an accepted order whose money is still to come (cash on delivery, or authorised only).
    pub const ORDER_TABLE: "order" = {
        /// The status of an order, as its customer sees it.
        pub enum OrderStatus {
            /// Placed; its stock is held; its money is not there.
            Pending = "pending",
            /// Accepted although its money is still to come.
            Confirmed = "confirmed",
            /// Its money is there.
            Paid = "paid",
            /// A seller works on it.
            Processing = "processing",
            /// Everything that was not cancelled is on its way.
            Shipped = "shipped",
            /// Everything has arrived.
            Delivered = "delivered",
            /// Called off. What was paid goes back.
            Cancelled = "cancelled",
            /// All the money went back.
            Refunded = "refunded",
        }
        /// What moves an order.
        pub enum OrderMove {
            /// It is accepted before it is paid.
            Confirm = "confirm",
            /// Its money arrived.
            Pay = "pay",
            /// A seller began to work on it.
            Process = "process",
            /// The last parcel left.
            Ship = "ship",
            /// The last parcel arrived.
            Deliver = "deliver",
            /// It is called off.
            Cancel = "cancel",
            /// The last of its money went back.
            Refund = "refund",
        }
        Pending: Confirm => Confirmed, Pay => Paid, Cancel => Cancelled;
        Confirmed: Pay => Paid, Process => Processing, Cancel => Cancelled;
        Paid: Process => Processing, Cancel => Cancelled, Refund => Refunded;
        Processing: Ship => Shipped, Cancel => Cancelled, Refund => Refunded;
        Shipped: Deliver => Delivered, Refund => Refunded;
        Delivered: Refund => Refunded;
        Cancelled: ;
        Refunded: ;
    }
}
