#include "app/dead_letters.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/describe/class.hpp>

#include "app/application.hpp"
#include "app/service_database.hpp"
#include "app/services.hpp"
#include "platform/json/write.hpp"
#include "platform/outbox/dead_letters.hpp"

namespace guildhall::app {

/// The event of a printed dead letter: its CloudEvents attributes, `data` as the text it is, which may be no JSON.
struct PrintedEvent {
    std::string id;
    std::string source;
    std::string type;
    std::string subject;
    Time time;
    std::string traceparent;
    std::string data;
};
BOOST_DESCRIBE_STRUCT(PrintedEvent, (), (id, source, type, subject, time, traceparent, data))

/// One line of `events dead list`.
struct PrintedDeadLetter {
    std::string service;
    std::string consumer;
    Time at;
    std::string error;
    PrintedEvent event;
};
BOOST_DESCRIBE_STRUCT(PrintedDeadLetter, (), (service, consumer, at, error, event))

namespace {

constexpr std::size_t kPage = 500;

using Visit = std::function<Task<void>(sql::Database&, const std::string& service, outbox::DeadLetter)>;

// Calls `visit` for each dead letter of one service, once: one that is replayed and fails again lies behind us. Those
// of another consumer than the one chosen are passed over.
Task<void> visit_service(sql::Database& database, std::string service, std::string consumer, Visit visit) {
    outbox::DeadLetterKey last{consumer, {}};
    for (;;) {
        std::vector<outbox::DeadLetter> page = co_await outbox::list_dead_letters(database, last, kPage);
        if (page.empty()) co_return;
        last = {page.back().event.consumer, page.back().event.id};
        for (outbox::DeadLetter& letter : page) {
            if (!consumer.empty() && letter.event.consumer != consumer) co_return;
            co_await visit(database, service, std::move(letter));
        }
    }
}

// Without the data folder's lock: the program that serves keeps nothing of these tables in memory.
void visit_all(const Config& config, const std::string& consumer, const Visit& visit) {
    IoThreads threads(1);
    std::vector<std::unique_ptr<sql::Database>> databases;  // each outlives the thread that has used it
    for (const ServiceRow& row : services()) {
        const std::string service(row.name);
        const bool is_missing =
            config.sql.engine == "sqlite" && !std::filesystem::exists(config.data_dir / (service + ".db"));
        if (is_missing) continue;
        sql::Database& database = *databases.emplace_back(open_database(config, service));
        run_and_wait(threads, [&] { return visit_service(database, service, consumer, visit); });
    }
    threads.stop();
}

std::string printed(const std::string& service, outbox::DeadLetter letter) {
    bus::Envelope& event = letter.event;
    const PrintedDeadLetter line{.service = service,
                                 .consumer = std::move(event.consumer),
                                 .at = letter.at,
                                 .error = std::move(letter.error),
                                 .event = {.id = std::to_string(event.id.value),
                                           .source = std::move(event.source),
                                           .type = std::move(event.type),
                                           .subject = std::to_string(event.subject),
                                           .time = event.time,
                                           .traceparent = std::move(event.traceparent),
                                           .data = std::move(event.data)}};
    std::string text;
    json::write(text, line);
    return text;
}

}  // namespace

void add_list_options(CLI::App& command, DeadLetterChoice& choice) {
    command.add_option("--consumer", choice.consumer, "Only of this consumer");
}

void add_replay_options(CLI::App& command, DeadLetterChoice& choice) {
    command.add_option("--consumer", choice.consumer, "Only for this consumer");
    auto* event = command.add_option("--event", choice.event_id, "Only this event")->check(CLI::PositiveNumber);
    auto* all = command.add_flag("--all", choice.is_all, "All events");
    event->excludes(all);
}

void list_dead_letters(const Config& config, const DeadLetterChoice& choice, std::ostream& out) {
    const Visit print = [&out](sql::Database&, const std::string& service, outbox::DeadLetter letter) -> Task<void> {
        out << printed(service, std::move(letter)) << '\n';
        co_return;
    };
    visit_all(config, choice.consumer, print);
}

void replay_dead_letters(const Config& config, const DeadLetterChoice& choice, std::ostream& out) {
    if (!choice.is_all && choice.event_id == 0) throw std::runtime_error("say which: --event ID or --all");
    std::size_t count = 0;
    const Visit replay = [&](sql::Database& database, const std::string&, outbox::DeadLetter letter) -> Task<void> {
        if (choice.event_id != 0 && letter.event.id.value != choice.event_id) co_return;
        const auto done = co_await outbox::replay_dead_letter(database, {letter.event.consumer, letter.event.id});
        if (done) ++count;
    };
    visit_all(config, choice.consumer, replay);
    if (count == 0 && choice.event_id != 0) throw std::runtime_error("there is no such dead letter");
    out << count << (count == 1 ? " event goes" : " events go") << " back to their consumers\n";
}

}  // namespace guildhall::app
