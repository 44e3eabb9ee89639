// Rival: the smallest honest Boost.Beast server. One coroutine for each connection, one constant answer to each
// request.
//   beast_server PORT
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

constexpr auto kResult = asio::as_tuple(asio::use_awaitable);
constexpr std::string_view kBody = R"({"id":123456789,"name":"Ada Lovelace","headline":"Engineer","ok":true})";

asio::awaitable<void> answer(tcp::socket socket) {
    socket.set_option(tcp::no_delay(true));
    beast::flat_buffer buffer;
    buffer.reserve(4096);
    for (bool keep_alive = true; keep_alive;) {
        http::request<http::string_body> request;
        const auto [read_error, read_bytes] = co_await http::async_read(socket, buffer, request, kResult);
        if (read_error) break;
        keep_alive = request.keep_alive();
        http::response<http::string_body> response{http::status::ok, request.version()};
        response.set(http::field::server, "beast");
        response.set(http::field::content_type, "application/json");
        response.keep_alive(keep_alive);
        response.body() = kBody;
        response.prepare_payload();
        const auto [write_error, written_bytes] = co_await http::async_write(socket, response, kResult);
        if (write_error) break;
    }
    boost::system::error_code ignored;
    socket.shutdown(tcp::socket::shutdown_send, ignored);
}

asio::awaitable<void> listen(unsigned short port) {
    const auto executor = co_await asio::this_coro::executor;
    tcp::acceptor acceptor(executor, {asio::ip::make_address("127.0.0.1"), port});
    for (;;) {
        auto [error, socket] = co_await acceptor.async_accept(kResult);
        if (!error) asio::co_spawn(executor, answer(std::move(socket)), asio::detached);
    }
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 2) return 2;
    asio::io_context io(1);
    asio::co_spawn(io, listen(static_cast<unsigned short>(std::atoi(arguments[1]))), asio::detached);
    io.run();
}
