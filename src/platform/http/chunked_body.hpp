#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace guildhall::http {

/// Decodes a chunked body (RFC 9112 §7.1) in place, as it arrives. Chunk extensions and trailers are checked and thrown
/// away. Beast's parser is not used, because it accepts folded lines in trailers, does not bound extensions, and adds
/// trailers to the header, where no check and no proxy has seen them (RFC 9110 §6.5.1).
class ChunkedBody {
public:
    /// `max_trailer_bytes` bounds the trailer section.
    explicit ChunkedBody(std::size_t max_trailer_bytes) : trailer_bytes_left_(max_trailer_bytes) {}

    /// How far a step came: the first `used` bytes are decoded, and their data is the first `data` of them.
    struct Step {
        std::size_t data = 0;
        std::size_t used = 0;
    };
    /// Decodes as much as possible of `bytes`, which go on where the step before ended. What is left unused is to be
    /// given again, with more behind it.
    Step decode(std::span<char> bytes);

    /// True when the body has ended; what follows is the next request.
    bool is_done() const { return part_ == Part::end; }
    /// Why the body is refused, or nothing. No further step is made then.
    std::optional<std::string_view> fault() const { return fault_; }

private:
    enum class Part { size, data, end_of_data, trailer, end };

    std::size_t take_line(std::string_view bytes);
    void read_size(std::string_view line);
    void read_trailer(std::string_view line);

    Part part_ = Part::size;
    std::uint64_t left_in_chunk_ = 0;
    std::size_t trailer_bytes_left_;
    std::optional<std::string_view> fault_;
};

}  // namespace guildhall::http
