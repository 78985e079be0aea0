//! The published suites for gateways and for providers' books.

mod plain {
    order_core::gateway_conformance!(crate::provider::harness::plain::<
        order_fake_providers::square::FakeSquare,
    >());
}

mod every_fifth_request_is_doubled {
    order_core::gateway_conformance!(crate::provider::harness::every_fifth_doubled::<
        order_fake_providers::square::FakeSquare,
    >());
}

mod books {
    order_core::books_conformance!(
        crate::provider::harness::plain::<order_fake_providers::square::FakeSquare>()
    );
}
