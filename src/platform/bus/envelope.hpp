#pragma once

#include <cstdint>
#include <string>

#include "platform/base/id.hpp"

namespace guildhall::bus {

using EventId = Id<struct EventTag>;

/// An event between services, with the attributes of CloudEvents 1.0 that are used. `data` is the JSON of a described
/// struct in the producer's public/ folder.
struct Envelope {
    EventId id;                // the inbox key
    std::string source;        // "/post"
    std::string type;          // "post.created.v1"
    std::int64_t subject = 0;  // the ordering key: events of one subject arrive in order
    Time time;
    std::string traceparent;  // W3C; empty when the event has no request
    std::string data;
    // The only consumer that gets it (a replayed dead letter); empty: all that subscribe to the type.
    std::string consumer = {};
};

}  // namespace guildhall::bus
