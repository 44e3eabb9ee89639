// What only the bus over RabbitMQ promises, with a healthy broker: the messages there, order across replicas, missing
// queues.
#include "platform/bus/rabbitmq.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>
#include <set>
#include <stdexcept>

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/async/task_group.hpp"
#include "platform/base/result.hpp"
#include "support/await.hpp"
#include "support/buses.hpp"

namespace guildhall::bus {
namespace {

using namespace std::chrono_literals;
using test::await;
using test::wait_until;

// A client of the broker without the bus.
class Client {
public:
    explicit Client(std::string url) : connection_(amqp_new_connection()) {
        amqp_connection_info info{};
        amqp_parse_url(url.data(), &info);
        amqp_socket_open(amqp_tcp_socket_new(connection_), info.host, info.port);
        amqp_login(connection_, info.vhost, 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, info.user, info.password);
        amqp_channel_open(connection_, 1);
    }
    ~Client() { amqp_destroy_connection(connection_); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // Closes the channel when there is no such queue.
    bool has(const std::string& queue) {
        return amqp_queue_declare(connection_, 1, amqp_cstring_bytes(queue.c_str()), 1, 0, 0, 0, amqp_empty_table) !=
               nullptr;
    }
    // False when there is no such queue.
    bool remove(const std::string& queue) {
        return amqp_queue_delete(connection_, 1, amqp_cstring_bytes(queue.c_str()), 0, 0) != nullptr;
    }
    void put(const std::string& queue, const std::string& body) {
        amqp_basic_publish(connection_, 1, amqp_empty_bytes, amqp_cstring_bytes(queue.c_str()), 0, 0, nullptr,
                           amqp_cstring_bytes(body.c_str()));
    }
    // Removes the first message of `queue` and returns its headers and body.
    std::map<std::string, std::string> take(const std::string& queue) {
        // Not basic.get: a queue with a single active consumer refuses it.
        amqp_basic_consume(connection_, 1, amqp_cstring_bytes(queue.c_str()), amqp_empty_bytes, 0, 1, 0,
                           amqp_empty_table);
        const timeval limit{5, 0};
        amqp_envelope_t envelope;
        if (amqp_consume_message(connection_, &envelope, &limit, 0).reply_type != AMQP_RESPONSE_NORMAL) return {};
        const amqp_message_t& message = envelope.message;
        std::map<std::string, std::string> out{{"body", text(message.body)},
                                               {"content-type", text(message.properties.content_type)},
                                               {"durable", std::to_string(message.properties.delivery_mode)}};
        for (int i = 0; i < message.properties.headers.num_entries; ++i) {
            const auto& entry = message.properties.headers.entries[i];
            if (entry.value.kind == AMQP_FIELD_KIND_UTF8) out[text(entry.key)] = text(entry.value.value.bytes);
        }
        amqp_destroy_envelope(&envelope);
        return out;
    }

private:
    static std::string text(amqp_bytes_t bytes) { return {static_cast<const char*>(bytes.bytes), bytes.len}; }
    amqp_connection_state_t connection_;
};

Envelope event(std::int64_t id, std::int64_t subject = 1) {
    return {.id = EventId{id},
            .source = "/test",
            .type = "a.v1",
            .subject = subject,
            .time = from_micros(1'800'000'000'123'456),
            .traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            .data = "{\"n\":1}"};
}

class Rabbitmq : public testing::Test {
protected:
    void SetUp() override {
        if (const std::string missing = test::TestBus::missing("rabbitmq"); !missing.empty()) GTEST_SKIP() << missing;
        url_ = std::getenv("GUILDHALL_TEST_RABBITMQ");
    }
    RabbitmqOptions options() { return {.urls = {url_}, .prefix = prefix_, .executors = {thread_.executor()}}; }
    // Records the events of all replicas, in order of arrival.
    Subscription recorded(std::string consumer, std::chrono::milliseconds pause = 0ms) {
        auto handle = [this, pause](std::vector<Envelope> events) -> Task<void> {
            co_await sleep_for(pause);
            const std::lock_guard lock(mutex_);
            for (const Envelope& one : events) received_.push_back(one);
        };
        return {std::move(consumer), {"a.v1"}, handle};
    }
    // The received events without repetitions, because order is promised for first deliveries only.
    std::vector<Envelope> first_appearances() {
        const std::lock_guard lock(mutex_);
        std::set<std::int64_t> seen;
        std::vector<Envelope> first;
        for (const Envelope& one : received_)
            if (seen.insert(one.id.value).second) first.push_back(one);
        return first;
    }
    std::size_t count() { return first_appearances().size(); }
    // A busy broker may refuse an event. The whole batch is then published again.
    static void publish_as_a_relay(Bus& bus, const std::vector<Envelope>& events) {
        ASSERT_TRUE(wait_until([&] {
            try {
                await(bus.publish(events));
                return true;
            } catch (const Unavailable&) {
                return false;
            }
        }));
    }

    std::string url_;
    const std::string prefix_ = test::TestBus::fresh_prefix();
    test::IoThread thread_;
    std::mutex mutex_;
    std::vector<Envelope> received_;
};

TEST_F(Rabbitmq, KeepsEventsForAConsumerThatHasNeverRunAsDurableCloudEvents) {
    RabbitmqOptions with_remote = options();
    with_remote.remote_consumers = {{"later", {"a.v1"}}};
    const auto bus = make_rabbitmq_bus(with_remote);
    bus->start();
    publish_as_a_relay(*bus, {event(5, -3)});
    bus->stop(5s);
    const auto message = Client(url_).take(prefix_ + "later");
    const std::map<std::string, std::string> expected{
        {"body", "{\"n\":1}"},
        {"content-type", "application/json"},
        {"durable", "2"},
        {"cloudEvents_specversion", "1.0"},
        {"cloudEvents_id", "5"},
        {"cloudEvents_source", "/test"},
        {"cloudEvents_type", "a.v1"},
        {"cloudEvents_subject", "-3"},
        {"cloudEvents_time", "2027-01-15T08:00:00.123456Z"},
        {"cloudEvents_traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}};
    EXPECT_EQ(message, expected);
}

TEST_F(Rabbitmq, KeepsTheOrderOfEachSubjectWhenAnotherReplicaTakesOver) {
    constexpr std::int64_t kSubjects = 10;
    constexpr std::int64_t kEach = 60;
    auto first = make_rabbitmq_bus(options());
    auto second = make_rabbitmq_bus(options());
    for (const auto& bus : {&first, &second}) {
        (*bus)->subscribe(recorded("one", 1ms));
        (*bus)->start();
    }
    for (std::int64_t n = 0; n < kEach; ++n) {
        std::vector<Envelope> events;
        for (std::int64_t subject = 0; subject < kSubjects; ++subject)
            events.push_back(event(1 + n * kSubjects + subject, subject));
        publish_as_a_relay(*second, events);
        if (n == kEach / 2) first->stop(5s);  // it consumed first
    }
    EXPECT_TRUE(wait_until([&] { return count() == kSubjects * kEach; })) << count();
    second->stop(5s);
    std::map<std::int64_t, std::int64_t> last;
    for (const Envelope& one : first_appearances()) {
        EXPECT_LT(last[one.subject], one.id.value);
        last[one.subject] = one.id.value;
    }
}

TEST_F(Rabbitmq, OneReplicaAtATimeConsumes) {
    std::atomic<int> inside{0};
    std::atomic<int> handled{0};
    auto handle = [&](std::vector<Envelope> events) -> Task<void> {
        EXPECT_EQ(++inside, 1);
        co_await sleep_for(2ms);
        --inside;
        handled += static_cast<int>(events.size());
    };
    test::IoThread other_thread;
    RabbitmqOptions other = options();
    other.executors = {other_thread.executor()};
    const auto first = make_rabbitmq_bus(options());
    const auto second = make_rabbitmq_bus(other);
    for (const auto& bus : {&first, &second}) {
        (*bus)->subscribe({"one", {"a.v1"}, handle});
        (*bus)->start();
    }
    for (std::int64_t id = 1; id <= 100; ++id) publish_as_a_relay(id % 2 == 0 ? *first : *second, {event(id, id)});
    EXPECT_TRUE(wait_until([&] { return handled >= 100; }));
    first->stop(5s);
    second->stop(5s);
}

TEST_F(Rabbitmq, WhatAHandlerLeavesToOthersIsHandledByAnotherProcessInOrder) {
    std::atomic<std::int64_t> kept{0};  // the id of the last one
    auto keep_ten = [&kept](std::vector<Envelope> events) -> Task<void> {
        const auto rest = std::ranges::find_if(events, [](const Envelope& one) { return one.id.value > 10; });
        const auto room = static_cast<std::size_t>(rest - events.begin());
        if (room > 0) kept = events[room - 1].id.value;
        if (rest != events.end()) throw HandOver("ten are enough", room);
        co_return;
    };
    test::IoThread other_thread;
    RabbitmqOptions other = options();
    other.executors = {other_thread.executor()};
    const auto first = make_rabbitmq_bus(options());
    first->subscribe({"one", {"a.v1"}, keep_ten});
    first->start();
    std::vector<Envelope> events;
    events.reserve(40);
    for (std::int64_t id = 1; id <= 40; ++id) events.push_back(event(id));
    publish_as_a_relay(*first, events);
    EXPECT_TRUE(wait_until([&] { return kept == 10; }));
    const auto second = make_rabbitmq_bus(other);
    second->subscribe(recorded("one"));
    second->start();
    // Some of those that the first has handled may come again.
    const auto left = [this] {
        std::vector<std::int64_t> ids;
        for (const Envelope& one : first_appearances())
            if (one.id.value > 10) ids.push_back(one.id.value);
        return ids;
    };
    EXPECT_TRUE(wait_until([&] { return left().size() == 30; })) << left().size();
    first->stop(5s);
    second->stop(5s);
    std::vector<std::int64_t> expected(30);
    std::iota(expected.begin(), expected.end(), 11);
    EXPECT_EQ(left(), expected);
}

TEST_F(Rabbitmq, WhatIsLeftToOthersComesAgainWhenThereAreNone) {
    std::atomic<int> refused{0};
    auto third_time = [this, &refused](std::vector<Envelope> events) -> Task<void> {
        if (refused < 2) {
            ++refused;
            throw HandOver("not now");
        }
        const std::lock_guard lock(mutex_);
        for (const Envelope& one : events) received_.push_back(one);
        co_return;
    };
    const auto bus = make_rabbitmq_bus(options());
    bus->subscribe({"one", {"a.v1"}, third_time});
    bus->start();
    publish_as_a_relay(*bus, {event(1), event(2)});
    EXPECT_TRUE(wait_until([&] { return count() == 2; }));
    EXPECT_EQ(refused, 2);
    bus->stop(5s);
}

TEST_F(Rabbitmq, ADeletedQueueIsCreatedAgainBeforeAnEventCountsAsPublished) {
    RabbitmqOptions with_remote = options();
    with_remote.remote_consumers = {{"later", {"a.v1"}}};
    const auto bus = make_rabbitmq_bus(with_remote);
    bus->start();
    publish_as_a_relay(*bus, {event(1)});
    Client client(url_);
    ASSERT_TRUE(client.remove(prefix_ + "later"));
    EXPECT_THROW(await(bus->publish({event(2)})), Unavailable);
    publish_as_a_relay(*bus, {event(2)});
    EXPECT_EQ(client.take(prefix_ + "later")["cloudEvents_id"], "2");
    bus->stop(5s);
}

TEST_F(Rabbitmq, TheQueueOfARemovedConsumerIsDeletedWithItsEventsAndNoOther) {
    RabbitmqOptions with_remote = options();
    with_remote.remote_consumers = {{"removed", {"a.v1"}}, {"removed.too", {"a.v1"}}};
    const auto before = make_rabbitmq_bus(with_remote);
    before->start();
    publish_as_a_relay(*before, {event(1)});
    before->stop(5s);

    const auto bus = make_rabbitmq_bus(options());
    bus->subscribe(recorded("one"));
    bus->start();
    await(bus->remove_consumer("removed"));
    await(bus->remove_consumer("never there"));
    EXPECT_FALSE(Client(url_).has(prefix_ + "removed"));
    EXPECT_TRUE(Client(url_).has(prefix_ + "removed.too"));
    publish_as_a_relay(*bus, {event(2)});
    EXPECT_TRUE(wait_until([&] { return count() == 1; }));
    bus->stop(5s);
}

TEST_F(Rabbitmq, AConsumerWhoseQueueIsDeletedContinuesWithLaterEvents) {
    const auto bus = make_rabbitmq_bus(options());
    bus->subscribe(recorded("one"));
    bus->start();
    publish_as_a_relay(*bus, {event(1)});
    EXPECT_TRUE(wait_until([&] { return count() == 1; }));
    await(bus->remove_consumer("one"));
    EXPECT_TRUE(wait_until([&] {
        publish_as_a_relay(*bus, {event(2)});
        return count() == 2;
    }));
    bus->stop(5s);
}

TEST_F(Rabbitmq, RemovingAConsumerFailsWhileTheBrokerIsUnavailable) {
    RabbitmqOptions absent = options();
    absent.urls = {"amqp://guest:guest@127.0.0.1:1/%2f"};
    const auto bus = make_rabbitmq_bus(absent);
    EXPECT_THROW(await(bus->remove_consumer("one")), Unavailable);
}

TEST_F(Rabbitmq, AMessageThatIsNoEventIsPassedOver) {
    const auto bus = make_rabbitmq_bus(options());
    bus->subscribe(recorded("one"));
    bus->start();
    publish_as_a_relay(*bus, {event(1)});
    Client(url_).put(prefix_ + "one", "not ours");
    publish_as_a_relay(*bus, {event(2)});
    EXPECT_TRUE(wait_until([&] { return count() == 2; }));
    bus->stop(5s);
}

TEST_F(Rabbitmq, TriesTheNextNodeWhenOneIsUnavailable) {
    RabbitmqOptions several = options();
    several.urls = {"amqp://guest:guest@127.0.0.1:1/%2f", url_};
    const auto bus = make_rabbitmq_bus(several);
    bus->subscribe(recorded("one"));
    bus->start();
    EXPECT_TRUE(wait_until([&] { return bus->ready(); }));
    publish_as_a_relay(*bus, {event(1)});
    EXPECT_TRUE(wait_until([&] { return count() == 1; }));
    bus->stop(5s);
}

TEST_F(Rabbitmq, RefusesMoreThanMayWait) {
    RabbitmqOptions narrow = options();
    narrow.urls = {"amqp://guest:guest@127.0.0.1:1/%2f"};
    narrow.max_outstanding = 10;
    narrow.confirm_deadline = 200ms;
    const auto bus = make_rabbitmq_bus(narrow);  // not started: nothing is sent
    std::string refusal;
    boost::asio::io_context io;
    auto fill = [&]() -> Task<void> { co_await bus->publish(std::vector<Envelope>(10, event(1))); };
    boost::asio::co_spawn(io, fill(), [](const std::exception_ptr&) {});
    io.poll();
    try {
        await(bus->publish({event(2)}));
    } catch (const Unavailable& error) {
        refusal = error.what();
    }
    EXPECT_EQ(refusal, "too many events wait for RabbitMQ");
    bus->stop(0s);
    io.run();
}

TEST_F(Rabbitmq, WrongAddressesAndSubscriptionsAreRefused) {
    RabbitmqOptions wrong = options();
    wrong.urls = {};
    EXPECT_THROW(make_rabbitmq_bus(wrong), std::invalid_argument);
    wrong.urls = {"http://guest:secret@127.0.0.1:1/"};
    try {
        make_rabbitmq_bus(wrong);
        FAIL();
    } catch (const std::invalid_argument& error) {
        EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos);
    }
    RabbitmqOptions idle = options();
    idle.executors = {};
    const auto bus = make_rabbitmq_bus(idle);
    bus->subscribe(recorded("one"));
    EXPECT_THROW(bus->start(), std::invalid_argument);
}

}  // namespace
}  // namespace guildhall::bus
