#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace guildhall::redis {

/// The slot (0 to 16,383) of a key in a Cluster: of the text between its first braces, or of the whole key if there is
/// none. Source: Redis Cluster specification, "Hash tags"; CRC-16/XMODEM.
std::uint16_t slot_of(std::string_view key);

/// One command with its arguments, as it goes over the wire:
/// Command("SET").key(k).argument(v).argument("PX").argument(50).
class Command {
public:
    static constexpr std::uint16_t kNoSlot = 0xFFFF;

    explicit Command(std::string_view name) { argument(name); }

    /// Adds an argument; any bytes.
    Command& argument(std::string_view value);
    template <std::integral T>
    Command& argument(T value) {
        return argument(std::to_string(value));
    }
    /// Adds an argument that is a key, which determines the node of a Cluster. All keys of a command must have the same
    /// slot.
    Command& key(std::string_view value);

    /// Adds the command's bytes (RESP2) to `out`.
    void append_to(std::string& out) const;
    /// The size of the arguments, which is about what append_to() adds.
    std::size_t size_bytes() const { return arguments_.size(); }
    /// kNoSlot when any node can run it.
    std::uint16_t slot() const { return slot_; }

private:
    std::string arguments_;  // encoded
    std::size_t count_ = 0;
    std::uint16_t slot_ = kNoSlot;
};

/// A Lua script. Servers that have seen it identify it by its hash. `text` must live as long as this.
class Script {
public:
    explicit Script(std::string_view text);
    std::string_view text() const { return text_; }
    /// SHA-1 in lower-case hexadecimal.
    const std::string& hash() const { return hash_; }

private:
    std::string_view text_;
    std::string hash_;
};

}  // namespace guildhall::redis
