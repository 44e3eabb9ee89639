#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "platform/bus/bus.hpp"
#include "platform/cache/coherence.hpp"
#include "platform/json/read.hpp"
#include "platform/outbox/outbox.hpp"
#include "platform/sql/database.hpp"

namespace guildhall::outbox {

/// The consumers of one service: binds event types to effects and subscribes them. An event whose data cannot be read, or whose effect failed
/// five times, goes to the dead letters of the service and the rest goes on. A database that is away is not a failed try: the relay brings the
/// events again.
class Consumers {
public:
    Consumers(sql::Database& database, const Clock& clock) : database_(database), clock_(clock) {}

    /// `effect` runs in one transaction with the inbox row of the event, so it happens once. It must await nothing but the transaction.
    template <Event E>
    void on(std::string consumer, std::function<Task<void>(sql::Transaction&, const E&)> effect) {
        add(std::move(consumer), std::string(E::kType),
            [effect = std::move(effect)](sql::Transaction& tx, const bus::Envelope& envelope) -> Task<void> {
                const E event = json::read_trusted<E>(envelope.data);
                co_await effect(tx, event);
            });
    }

    /// `effect` may happen more than once for an event (dropping a cache entry, waking a stream). It may await anything.
    template <Event E>
    void on_repeatable(std::string consumer, std::function<Task<void>(const E&)> effect) {
        add_repeatable(std::move(consumer), std::string(E::kType),
                       [effect = std::move(effect)](const bus::Envelope& envelope) -> Task<void> {
                           const E event = json::read_trusted<E>(envelope.data);
                           co_await effect(event);
                       });
    }

    /// The same for neighbours of one type together, where one call for many is cheaper than many.
    template <Event E>
    void on_repeatable_together(std::string consumer, std::function<Task<void>(std::vector<E>)> effect) {
        add_together(std::move(consumer), std::string(E::kType),
                     [effect = std::move(effect)](std::span<const bus::Envelope> envelopes) {
                         std::vector<E> events;
                         events.reserve(envelopes.size());
                         for (const auto& envelope : envelopes) events.push_back(json::read_trusted<E>(envelope.data));
                         return effect(std::move(events));
                     });
    }

    /// Drops what `changes` gives for an event from the memory of all processes. While this one may not reach them it leaves the event to another process, over a bus that hands over;
    /// when for a minute all came back, it lets them pass.
    template <Event E>
    void on_change(std::string consumer, cache::Coherence& coherence, std::function<cache::Changes(const E&)> changes) {
        Refusals& refusals = refusals_[consumer];
        add_repeatable(std::move(consumer), std::string(E::kType),
                       [this, &coherence, &refusals, changes = std::move(changes)](const bus::Envelope& envelope) {
                           const E event = json::read_trusted<E>(envelope.data);
                           return tell(coherence, refusals, changes(event));
                       });
    }

    /// The consumers that were bound, in order, with their types.
    std::vector<bus::Wanted> wanted() const;

    /// Subscribes what was bound. Once, after the last on(), before the relays start. This object outlives the bus's last delivery.
    void subscribe(bus::Bus& bus);

    /// Deletes inbox rows older than eight days (events are never relayed that late: dead letters hold them) and dead letters older than 90, in batches. Call daily; when it gives
    /// false, time ran out before all were deleted: then soon again.
    Task<bool> prune();

private:
    using Effect = std::function<Task<void>(sql::Transaction&, const bus::Envelope&)>;
    using Repeatable = std::function<Task<void>(const bus::Envelope&)>;
    using Together = std::function<Task<void>(std::span<const bus::Envelope>)>;
    // One of the three is there.
    struct Binding {
        std::string consumer;
        std::string type;
        Effect effect;
        Repeatable repeatable;
        Together together;
    };
    void add(std::string consumer, std::string type, Effect effect);
    void add_repeatable(std::string consumer, std::string type, Repeatable effect);
    void add_together(std::string consumer, std::string type, Together effect);
    // When a consumer has left events to others, one after the other.
    struct Refusals {
        Time first;
        Time last;
    };
    Task<void> tell(cache::Coherence& coherence, Refusals& refusals, cache::Changes changes);
    struct Group;

    sql::Database& database_;
    const Clock& clock_;
    bool may_hand_over_ = false;
    std::vector<Binding> bindings_;
    std::map<std::string, Refusals> refusals_;  // by consumer, whose events come one after the other
};

}  // namespace guildhall::outbox
