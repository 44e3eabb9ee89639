// The smallest service that the kit carries: one table, one route, one event, one consumer. In one process over SQLite
// with the embedded bus, and as two processes on one database, over HTTP and RabbitMQ. CONTRIBUTING.md explains the
// parts.
#include <array>
#include <cstdlib>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/describe/class.hpp>
#include <gtest/gtest.h>

#include "platform/http/client.hpp"
#include "platform/json/constraints.hpp"
#include "platform/service/foundation.hpp"
#include "support/await.hpp"
#include "support/buses.hpp"
#include "support/databases.hpp"
#include "support/http_server.hpp"

namespace guildhall::guestbook {

using EntryId = Id<struct EntryTag>;

// migrations/0001_init.sql
constexpr std::array<std::pair<std::string_view, std::string_view>, 1> kMigrations{
    {{"0001_init.sql",
      "CREATE TABLE entries (entry_id bigint NOT NULL PRIMARY KEY, text text NOT NULL, readings bigint NOT NULL);"}}};

// public/events.hpp
struct Signed {
    static constexpr std::string_view kType = "guestbook.signed.v1";
    EntryId entry_id;
    std::int64_t subject() const { return entry_id.value; }
};
BOOST_DESCRIBE_STRUCT(Signed, (), (entry_id))

// guestbook_api.hpp
struct Sign {
    json::Text<1, 100> text;
};
BOOST_DESCRIBE_STRUCT(Sign, (), (text))

struct Entry {
    EntryId id;
    std::string text;
};
BOOST_DESCRIBE_STRUCT(Entry, (), (id, text))

// guestbook_service.hpp, with its statements
constexpr sql::Statement kInsert{"guestbook.insert",
                                 "INSERT INTO entries (entry_id, text, readings) VALUES ($1, $2, 0)"};
constexpr sql::Statement kRead{"guestbook.read", "UPDATE entries SET readings = readings + 1 WHERE entry_id = $1"};

class Guestbook {
public:
    explicit Guestbook(const service::Base& base) : base_(base) {}

    Task<Result<http::Created<Entry>>> sign(http::Visitor visitor, Sign body) {
        const Entry entry{base_.ids.next<EntryId>(), std::move(body.text.value)};
        auto work = [&](sql::Transaction& tx) -> Task<Result<bool>> {
            co_await tx.execute(kInsert, sql::params(entry.id, entry.text));
            co_await base_.outbox.append(tx, Signed{entry.id}, visitor.request->traceparent);
            co_return true;
        };
        const auto done = co_await base_.database.transact<bool>(work);
        if (!done) co_return done.error();
        co_return http::Created<Entry>{entry, "/v1/entries/" + std::to_string(entry.id.value)};
    }

private:
    const service::Base& base_;
};

// guestbook_routes.cpp
void add_routes(http::Router& router, Guestbook* guestbook) {
    router.post("/v1/entries", guestbook, &Guestbook::sign).anyone().summary("Sign the guestbook");
}

// guestbook_consumers.cpp
void add_consumers(outbox::Bindings& consumers) {
    consumers.on<Signed>("guestbook.reader", [](sql::Transaction& tx, const Signed& event) -> Task<void> {
        co_await tx.execute(kRead, sql::params(event.entry_id));
    });
}

// module.hpp, module.cpp
class Module final : public service::Module {
public:
    explicit Module(const service::Base& base) : guestbook_(base) {}

    static service::Definition definition() {
        return {.name = "guestbook",
                .migrations = service::migrations_of("guestbook", kMigrations),
                .describe_routes = [](http::Router& router) { guestbook::add_routes(router, nullptr); },
                .describe_consumers = guestbook::add_consumers};
    }
    void add_routes(http::Router& router) override { guestbook::add_routes(router, &guestbook_); }
    void add_consumers(outbox::Bindings& consumers) override { guestbook::add_consumers(consumers); }

private:
    Guestbook guestbook_;
};

namespace {

/// One process of the service, as app/ puts it together.
class Process {
public:
    Process(const test::TestDatabase& place, std::unique_ptr<bus::Bus> bus, std::string owner)
        : bus_(std::move(bus)),
          host_{.clock = clock_,
                .coherence = *coherence_,
                .bus = *bus_,
                .owner = std::move(owner),
                .run_and_wait = [](std::function<Task<void>()> task) { test::await(task()); }},
          foundation_(host_, Module::definition(), [&](service::ReplicaPorts) { return place.open(); }),
          module_(foundation_.base()),
          server_([this](http::Router& router) {
              router.set_service(foundation_.name(), &foundation_.base().database);
              module_.add_routes(router);
          }) {
        foundation_.subscribe(module_);
        bus_->start();
        relayed_ = boost::asio::co_spawn(thread_.executor(), foundation_.relay().run(), boost::asio::use_future);
    }
    ~Process() {
        foundation_.relay().stop();
        relayed_.wait();  // its last write must not end after its thread
        bus_->stop(std::chrono::seconds(5));
    }

    http::ClientResponse sign(const std::string& text) {
        return test::await(client_.send({.peer = "guestbook",
                                         .method = "POST",
                                         .url = server_.url() + "/v1/entries",
                                         .body = R"({"text":")" + text + "\"}",
                                         .headers = {{"Content-Type", "application/json"}},
                                         .deadline = {}}));
    }

private:
    SystemClock clock_;
    const std::unique_ptr<cache::Coherence> coherence_ = cache::make_memory_coherence();
    std::unique_ptr<bus::Bus> bus_;
    const service::Host host_;
    service::Foundation foundation_;
    Module module_;
    test::HttpServer server_;
    http::Client client_;
    test::IoThread thread_;
    std::future<void> relayed_;
};

constexpr sql::Statement kCountReadOnce{"test.read_once", "SELECT COUNT(*) FROM entries WHERE readings = 1"};
constexpr sql::Statement kCountAll{"test.all", "SELECT COUNT(*) FROM entries"};

std::int64_t number(const test::TestDatabase& place, const sql::Statement& statement) {
    return test::await(place.open()->read(statement, {}))[0].number(0);
}

TEST(SmallestService, RunsInOneProcess) {
    const test::TestDatabase place("sqlite");
    Process process(place, bus::make_memory_bus(), "embedded");
    EXPECT_EQ(process.sign("Hello").status, 201);
    EXPECT_EQ(process.sign("").status, 400);
    EXPECT_TRUE(test::wait_until([&] { return number(place, kCountReadOnce) == 1; }));
    EXPECT_EQ(number(place, kCountAll), 1);
}

TEST(SmallestService, RunsAsTwoProcesses) {
    for (const auto& missing : {test::TestBus::missing("rabbitmq"), test::TestDatabase::missing("postgres")})
        if (!missing.empty()) GTEST_SKIP() << missing;
    const test::TestDatabase place("postgres");
    test::IoThread thread;
    const auto bus = [&, prefix = test::TestBus::fresh_prefix()] {
        return bus::make_rabbitmq_bus(
            {.urls = {std::getenv("GUILDHALL_TEST_RABBITMQ")}, .prefix = prefix, .executors = {thread.executor()}});
    };
    Process first(place, bus(), "first");
    Process second(place, bus(), "second");
    for (int i = 0; i < 20; ++i) EXPECT_EQ((i % 2 == 0 ? first : second).sign("Hello").status, 201);
    EXPECT_TRUE(test::wait_until([&] { return number(place, kCountReadOnce) == 20; }))
        << "each event has its effect once";
}

TEST(SmallestService, IsDescribedWithoutBeingRun) {
    http::Router router;
    Module::definition().describe_routes(router);
    EXPECT_FALSE(router.routes().front()->handle);
    const std::vector<bus::Wanted> wanted{{"guestbook.reader", {"guestbook.signed.v1"}}};
    EXPECT_EQ(service::wanted_by(Module::definition()), wanted);
}

}  // namespace
}  // namespace guildhall::guestbook
