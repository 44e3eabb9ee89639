#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace guildhall::cache {

/// What processes tell each other to keep their caches coherent. Text, so that it can be read on the wire:
/// "h <sender> <sequence> <number> <kind>…", "c <sender> <sequence> <kind>:<id>,<id>…", "l <sender> <sequence>", "a <sender> <sequence> <service>".
struct CoherenceMessage {
    /// What it says; the letter is the message's first.
    enum class Type : char { heartbeat = 'h', change = 'c', leave = 'l', ack = 'a' };

    Type type;
    std::string sender;  // of no meaning but to tell processes apart; no spaces
    std::uint64_t sequence =
        0;  // of the sender's changes of this service: this one, or the newest; of an ack, those of its receiver
    std::uint64_t number = 0;                                                // of a heartbeat
    std::string service;                                                     // of an ack
    std::vector<std::string> kinds;                                          // of a heartbeat: what the sender keeps
    std::vector<std::pair<std::string, std::vector<std::int64_t>>> changes;  // kind and ids

    /// As it goes over the wire.
    std::string write() const;
    /// Nothing for what is no message.
    static std::optional<CoherenceMessage> read(std::string_view text);
};

}  // namespace guildhall::cache
