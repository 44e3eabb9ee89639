#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace guildhall::cache {

/// A message between processes that keeps their caches coherent. It is text, so that it can be read on the wire:
/// "h <sender> <sequence> <number> <kind>…", "c <sender> <sequence> <kind>:<id>,<id>…", "l <sender> <sequence>", "a
/// <sender> <sequence> <service>".
struct CoherenceMessage {
    /// The letter is the first of the message.
    enum class Type : char { heartbeat = 'h', change = 'c', leave = 'l', ack = 'a' };

    Type type;
    std::string sender;  // identifies a process; without spaces
    // The number of this change, or of the sender's newest change of this service. In an ack: of the receiver's
    // changes.
    std::uint64_t sequence = 0;
    std::uint64_t number = 0;                                                // of a heartbeat
    std::string service;                                                     // of an ack
    std::vector<std::string> kinds;                                          // of a heartbeat: what the sender caches
    std::vector<std::pair<std::string, std::vector<std::int64_t>>> changes;  // kind and ids

    /// The form on the wire.
    std::string write() const;
    /// Empty when `text` is not a message.
    static std::optional<CoherenceMessage> read(std::string_view text);
};

}  // namespace guildhall::cache
