#include "platform/http/compress.hpp"

#include <algorithm>
#include <memory>

#include <zlib.h>

#include "platform/base/result.hpp"
#include "platform/base/text.hpp"

namespace guildhall::http {
namespace {

struct Deflater {
    z_stream stream{};
    Deflater() {
        constexpr int kGzipWindow = 15 + 16;
        constexpr int kSmallMemory = 6;  // 64 KiB instead of 256 KiB; each io thread has one
        if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, kSmallMemory, Z_DEFAULT_STRATEGY) != Z_OK)
            throw Unavailable("no memory to compress");
    }
    ~Deflater() { deflateEnd(&stream); }
    Deflater(const Deflater&) = delete;
    Deflater& operator=(const Deflater&) = delete;
};

}  // namespace

bool accepts_gzip(std::string_view accept_encoding) {
    while (!accept_encoding.empty()) {
        const auto end = std::min(accept_encoding.find(','), accept_encoding.size());
        const std::string_view item = trim(accept_encoding.substr(0, end));
        accept_encoding.remove_prefix(std::min(end + 1, accept_encoding.size()));
        const std::string_view name = trim(item.substr(0, item.find(';')));
        if (name != "gzip") continue;
        const auto quality = item.find("q=");
        return quality == std::string_view::npos || item.find_first_of("123456789", quality) != std::string_view::npos;
    }
    return false;
}

std::string gzip(std::string_view bytes) {
    thread_local Deflater deflater;
    z_stream& stream = deflater.stream;
    deflateReset(&stream);
    std::string out;
    out.resize(deflateBound(&stream, bytes.size()));
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END) throw Corrupt("gzip did not finish");
    out.resize(stream.total_out);
    return out;
}

}  // namespace guildhall::http
