#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>

#include <amqp.h>

#include "platform/bus/envelope.hpp"

namespace guildhall::bus {

/// The AMQP properties of an event: CloudEvents 1.0 in binary mode, with the attributes as headers "cloudEvents_<name>"
/// and the data as body. Refers to the event, which must outlive it unchanged. Source: CloudEvents AMQP protocol
/// binding 1.0.2. Its names are for AMQP 1.0; there are none for AMQP 0-9-1.
class MessageProperties {
public:
    explicit MessageProperties(const Envelope& event);
    MessageProperties(const MessageProperties&) = delete;
    MessageProperties& operator=(const MessageProperties&) = delete;

    const amqp_basic_properties_t& get() const { return properties_; }

private:
    void add(const char* name, const std::string& value);

    const std::string id_;
    const std::string subject_;
    const std::string time_;
    static constexpr std::size_t kMostHeaders = 7;
    std::array<amqp_table_entry_t, kMostHeaders> headers_{};
    amqp_basic_properties_t properties_{};
};

/// The event of a message, without its data; empty when the message is not such an event. Copies what it needs.
std::optional<Envelope> read_envelope(const amqp_basic_properties_t& properties);

/// A view of `text` as the library's type; the library only reads it.
inline amqp_bytes_t bytes_of(const std::string& text) { return {text.size(), const_cast<char*>(text.data())}; }
/// A copy of the library's bytes.
inline std::string text_of(amqp_bytes_t bytes) { return {static_cast<const char*>(bytes.bytes), bytes.len}; }

}  // namespace guildhall::bus
