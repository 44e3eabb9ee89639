#include "platform/outbox/consumer.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include <spdlog/spdlog.h>

#include "platform/async/backoff.hpp"
#include "platform/async/task_group.hpp"
#include "platform/base/metrics.hpp"
#include "platform/base/text.hpp"
#include "platform/sql/batches.hpp"

namespace guildhall::outbox {
namespace {

constexpr int kMostTries = 5;
constexpr std::size_t kMostErrorBytes = 500;
constexpr std::chrono::days kInboxAge{8};
// After so long, Redis is unavailable for all processes, which so keep nothing.
constexpr std::chrono::minutes kLeftToOthers{1};
// An event that does not come back for so long was taken by another process.
constexpr std::chrono::seconds kTakenByOthers{30};
constexpr std::chrono::days kDeadLetterAge{90};

constexpr sql::Statement kRemember{
    "inbox.remember",
    "INSERT INTO inbox (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING event_id"};

constexpr sql::Statement kBury{"inbox.bury", R"(
    INSERT INTO dead_letters (consumer, event_id, subject, type, source, time, traceparent, data, error, at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING)"};

constexpr sql::Statement kPrune{"inbox.prune", R"(
    DELETE FROM inbox WHERE (event_id, consumer) IN (
        SELECT event_id, consumer FROM inbox WHERE event_id < $1 ORDER BY event_id LIMIT $2)
    RETURNING event_id)"};

constexpr sql::Statement kPruneDead{"dead_letters.prune", R"(
    DELETE FROM dead_letters WHERE (consumer, event_id) IN (
        SELECT consumer, event_id FROM dead_letters WHERE at < $1 ORDER BY at LIMIT $2)
    RETURNING event_id)"};

// Why a try failed, and whether another could end better.
struct Failure {
    std::string reason;
    bool is_final;
};

// The exception that is being handled. Rethrows Unavailable: the relay waits and brings the events again.
Failure current_failure() {
    try {
        throw;
    } catch (const Unavailable&) {
        throw;
    } catch (const Corrupt& error) {
        return {error.what(), true};
    } catch (const std::exception& error) {
        return {error.what(), false};
    } catch (...) {
        return {"unknown exception", false};
    }
}

// What PostgreSQL takes as text: valid UTF-8 without NUL, not too long.
std::string storable(std::string text) {
    if (text.size() > kMostErrorBytes) {
        std::size_t end = kMostErrorBytes;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
        text.resize(end);
    }
    std::ranges::replace(text, '\0', ' ');
    if (is_utf8(text)) return text;
    std::ranges::replace_if(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
    return text;
}

}  // namespace

// The bindings of one consumer and how its events are handled.
struct Consumers::Group {
    using Events = std::span<const bus::Envelope>;

    Group(std::string consumer, Consumers& of, bool hands_over)
        : name(std::move(consumer)),
          database(of.database_),
          clock(of.clock_),
          coherence(of.coherence_),
          may_hand_over(hands_over) {}

    const Binding* find(std::string_view type) const {
        const auto found = std::ranges::find(bindings, type, &Binding::type);
        return found == bindings.end() ? nullptr : &*found;
    }

    // In order; neighbours with transactional effects share a transaction, neighbours of a type that is handled
    // together a call.
    Task<void> handle(std::vector<bus::Envelope> events) {
        const auto is_transactional = [this](const bus::Envelope& event) {
            const Binding* binding = find(event.type);
            return binding != nullptr && binding->effect;
        };
        for (auto at = events.begin(); at != events.end();) {
            auto end = std::find_if_not(at, events.end(), is_transactional);
            if (end != at) co_await apply({at, end});
            at = end;
            if (at == events.end()) break;
            if (const Binding* binding = find(at->type); binding != nullptr && binding->together) {
                end = std::find_if_not(at, events.end(),
                                       [&](const bus::Envelope& event) { return event.type == at->type; });
                co_await apply({at, end});
                at = end;
                continue;
            }
            try {
                co_await try_one(*at);
            } catch (const bus::HandOver& error) {
                const auto done = static_cast<std::size_t>(at - events.begin());
                count(Events(events).first(done));
                throw bus::HandOver(error.what(), done);
            }
            ++at;
        }
        count(events);
    }

    void count(Events events) {
        const Time now = clock.now();
        for (const bus::Envelope& event : events) delay.observe(now - event.time);
        handled.add(static_cast<double>(events.size()));
    }

    Task<void> apply(Events events) {
        bool is_done = false;
        try {
            co_await at_once(events);
            is_done = true;
        } catch (...) {
            const Failure failure = current_failure();
            spdlog::debug("consumer {}: a batch of {} goes on one by one: {}", name, events.size(), failure.reason);
        }
        if (is_done) co_return;
        // One of them fails all: each alone, so that only that one is set aside.
        for (const bus::Envelope& event : events) co_await try_one(event);
    }

    Task<void> at_once(Events events) {
        const Binding* binding = find(events.front().type);
        return binding->together ? binding->together(events) : in_one_transaction(events);
    }

    // Inbox and effects. The inbox row says whether the effect has happened; both are in one transaction.
    Task<void> in_one_transaction(Events events) {
        auto body = [this, events](sql::Transaction& tx) -> Task<Result<bool>> {
            for (const bus::Envelope& event : events) {
                auto is_new = co_await tx.query(kRemember, sql::params(name, event.id));
                if (!is_new.empty()) co_await find(event.type)->effect(tx, event);
            }
            co_return true;
        };
        const auto done = co_await database.transact<bool>(body);
        if (!done) throw std::runtime_error(done.error().detail);
    }

    Task<void> try_one(const bus::Envelope& event) {
        const Binding* binding = find(event.type);
        std::string reason = "no consumer of this type";
        Backoff backoff(std::chrono::milliseconds(10), std::chrono::milliseconds(200));
        for (int tries = 0; binding != nullptr && tries < kMostTries; ++tries) {
            if (tries > 0) co_await sleep_for(backoff.next());
            try {
                if (binding->repeatable) {
                    co_await binding->repeatable(event);
                } else if (binding->changes) {
                    co_await drop(binding->changes(event));
                } else {
                    co_await at_once({&event, 1});
                }
                co_return;
            } catch (...) {
                Failure failure = current_failure();
                reason = std::move(failure.reason);
                if (failure.is_final) break;
            }
        }
        co_await bury(event, std::move(reason));
    }

    // Drops what changed at all who keep it, or leaves the event to a process that reaches them.
    Task<void> drop(cache::Changes changes) {
        co_await coherence.changed(std::move(changes));
        // Only now: a process that was live all the while and reached nobody is forgotten by the others, who drop all,
        // later than this.
        if (coherence.live() || !may_hand_over) co_return;
        const Time now = clock.now();
        if (now - last_refusal > kTakenByOthers) first_refusal = now;
        last_refusal = now;
        if (now - first_refusal > kLeftToOthers) co_return;
        throw bus::HandOver("this process may not reach the processes that cache what the event changed");
    }

    // With the inbox row, so that the event is not tried again when it comes twice. One that was handled meanwhile is
    // not buried.
    Task<void> bury(const bus::Envelope& event, std::string reason) {
        reason = storable(std::move(reason));
        auto body = [&](sql::Transaction& tx) -> Task<Result<bool>> {
            auto is_new = co_await tx.query(kRemember, sql::params(name, event.id));
            if (is_new.empty()) co_return false;
            co_await tx.execute(kBury, sql::params(name, event.id, event.subject, event.type, event.source, event.time,
                                                   event.traceparent, event.data, reason, clock.now()));
            co_return true;
        };
        const auto is_buried = co_await database.transact<bool>(body);
        if (!is_buried) throw Unavailable(is_buried.error().detail);
        if (!*is_buried) co_return;
        dead_letters.add();
        spdlog::error("consumer {}: event {} ({}) went to the dead letters: {}", name, event.id.value, event.type,
                      reason);
    }

    const std::string name;
    sql::Database& database;
    const Clock& clock;
    cache::Coherence& coherence;
    const bool may_hand_over;
    std::vector<Binding> bindings;
    Time first_refusal;  // of events that were left to others, one after the other
    Time last_refusal;
    const metrics::Labels labels{{"consumer", name}};
    metrics::Counter& handled =
        metrics::counter("guildhall_events_handled_total", "Events that a consumer has done.", labels);
    metrics::Counter& dead_letters =
        metrics::counter("guildhall_dead_letters_total", "Events that a consumer could not handle.", labels);
    metrics::Histogram& delay =
        metrics::histogram("guildhall_event_delay_seconds", "From the fact to the end of its effect.", labels);
};

void Consumers::subscribe(bus::Bus& bus) {
    std::vector<std::shared_ptr<Group>> groups;
    for (const Binding& binding : bindings()) {
        auto found = std::ranges::find(groups, binding.consumer, [](const auto& group) { return group->name; });
        if (found == groups.end()) {
            groups.push_back(std::make_shared<Group>(binding.consumer, *this, bus.can_hand_over()));
            found = std::prev(groups.end());
        }
        (*found)->bindings.push_back(binding);
    }
    for (const auto& group : groups) {
        bus::Subscription subscription{.consumer = group->name, .types = {}, .handle = {}};
        for (const Binding& binding : group->bindings) subscription.types.push_back(binding.type);
        subscription.handle = [group](std::vector<bus::Envelope> events) { return group->handle(std::move(events)); };
        bus.subscribe(std::move(subscription));
    }
}

Task<bool> Consumers::prune() {
    const std::int64_t before = first_id_at(clock_.now() - kInboxAge);
    bool is_done = co_await sql::delete_in_batches(database_, kPrune, sql::params(before));
    is_done &= co_await sql::delete_in_batches(database_, kPruneDead, sql::params(clock_.now() - kDeadLetterAge));
    co_return is_done;
}

}  // namespace guildhall::outbox
