#include "platform/base/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace guildhall {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Metrics, AreRenderedWithTheirLabels) {
    metrics::counter("test_requests_total", "Requests.", {{"route", "/a"}}).add(2);
    metrics::counter("test_requests_total", "Requests.", {{"route", "/b"}}).add();
    metrics::gauge("test_depth", "Depth.").set(7);
    metrics::histogram("test_seconds", "Time.").observe(std::chrono::microseconds(300));
    const std::string text = metrics::render();
    EXPECT_THAT(text, HasSubstr("# TYPE test_requests_total counter"));
    EXPECT_THAT(text, HasSubstr("test_requests_total{route=\"/a\"} 2"));
    EXPECT_THAT(text, HasSubstr("test_requests_total{route=\"/b\"} 1"));
    EXPECT_THAT(text, HasSubstr("test_depth 7"));
    EXPECT_THAT(text, HasSubstr("test_seconds_bucket{le=\"0.00025\"} 0"));
    EXPECT_THAT(text, HasSubstr("test_seconds_bucket{le=\"0.0005\"} 1"));
    EXPECT_THAT(text, HasSubstr("test_seconds_count 1"));
}

TEST(Metrics, OfOneNameAndLabelsAreOne) {
    metrics::Counter& counter = metrics::counter("test_same_total", "Same.", {{"a", "1"}});
    EXPECT_EQ(&counter, &metrics::counter("test_same_total", "Same.", {{"a", "1"}}));
    EXPECT_NE(&counter, &metrics::counter("test_same_total", "Same.", {{"a", "2"}}));
}

TEST(Metrics, CallbacksAreReadWhenRenderedAndCanBeReplaced) {
    double value = 1;
    metrics::gauge_callback("test_callback", "Read late.", {}, [&value] { return value; });
    value = 41;
    EXPECT_THAT(metrics::render(), HasSubstr("test_callback 41"));
    metrics::gauge_callback("test_callback", "Read late.", {}, [] { return 5.0; });
    EXPECT_THAT(metrics::render(), Not(HasSubstr("test_callback 41")));
}

}  // namespace
}  // namespace guildhall
