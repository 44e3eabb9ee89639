#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "platform/bus/bus.hpp"
#include "platform/cache/coherence.hpp"
#include "platform/json/read.hpp"
#include "platform/outbox/outbox.hpp"
#include "platform/sql/database.hpp"

namespace guildhall::outbox {

/// What a service does on events: its consumers, the types of events that each takes, and the effect of each type.
/// Bindings only say it; Consumers does it. So they can be asked what a service wants where it does not run.
class Bindings {
public:
    /// `effect` runs in one transaction with the inbox row of the event, so it happens once. It must await nothing but
    /// the transaction.
    template <Event E>
    void on(std::string consumer, std::function<Task<void>(sql::Transaction&, const E&)> effect) {
        Binding& binding = add(std::move(consumer), std::string(E::kType));
        binding.effect = [effect = std::move(effect)](sql::Transaction& tx,
                                                      const bus::Envelope& envelope) -> Task<void> {
            const E event = json::read_trusted<E>(envelope.data);
            co_await effect(tx, event);
        };
    }

    /// `effect` may happen more than once for an event (dropping a cache entry, waking a stream). It may await
    /// anything.
    template <Event E>
    void on_repeatable(std::string consumer, std::function<Task<void>(const E&)> effect) {
        Binding& binding = add(std::move(consumer), std::string(E::kType));
        binding.repeatable = [effect = std::move(effect)](const bus::Envelope& envelope) -> Task<void> {
            const E event = json::read_trusted<E>(envelope.data);
            co_await effect(event);
        };
    }

    /// As on_repeatable(), for all neighbours of one type in one call, where one call for many is cheaper than many.
    template <Event E>
    void on_repeatable_together(std::string consumer, std::function<Task<void>(std::vector<E>)> effect) {
        Binding& binding = add(std::move(consumer), std::string(E::kType));
        binding.together = [effect = std::move(effect)](std::span<const bus::Envelope> envelopes) {
            std::vector<E> events;
            events.reserve(envelopes.size());
            for (const auto& envelope : envelopes) events.push_back(json::read_trusted<E>(envelope.data));
            return effect(std::move(events));
        };
    }

    /// Drops what `changes` gives for an event from the memory of all processes. While this process may not reach them
    /// it leaves the event to another process, over a bus that hands over; when all processes have done so for a
    /// minute, it lets the event pass.
    template <Event E>
    void on_change(std::string consumer, std::function<cache::Changes(const E&)> changes) {
        Binding& binding = add(std::move(consumer), std::string(E::kType));
        binding.changes = [changes = std::move(changes)](const bus::Envelope& envelope) {
            const E event = json::read_trusted<E>(envelope.data);
            return changes(event);
        };
    }

    /// The consumers that were bound, in order, with their types.
    std::vector<bus::Wanted> wanted() const;

protected:
    /// One type of events of one consumer. One of the four effects is there.
    struct Binding {
        std::string consumer;
        std::string type;
        std::function<Task<void>(sql::Transaction&, const bus::Envelope&)> effect = {};
        std::function<Task<void>(const bus::Envelope&)> repeatable = {};
        std::function<Task<void>(std::span<const bus::Envelope>)> together = {};
        std::function<cache::Changes(const bus::Envelope&)> changes = {};
    };
    const std::vector<Binding>& bindings() const { return bindings_; }

private:
    Binding& add(std::string consumer, std::string type);

    std::vector<Binding> bindings_;
};

}  // namespace guildhall::outbox
