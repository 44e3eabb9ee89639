#include "platform/bus/rabbitmq_connection.hpp"

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include <amqp_tcp_socket.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/base/result.hpp"
#include "platform/bus/rabbitmq_message.hpp"

namespace guildhall::bus {
namespace {

constexpr amqp_channel_t kSetUp = 1;  // of declare()
constexpr int kChannelLimit = 0;      // the broker's
constexpr int kFrameBytes = 131072;   // the broker's default

// With a limit, the broker returns an event to the head of its queue; without one to the end, which would break the
// order. (The default limit of 4.0 is 20, after which the event is dropped.) This one is never reached: the inbox
// counts the tries.
constexpr std::int32_t kDeliveryLimit = 1'000'000'000;

timeval as_timeval(std::chrono::milliseconds duration) {
    return {static_cast<time_t>(duration.count() / 1000), static_cast<suseconds_t>(duration.count() % 1000 * 1000)};
}

amqp_table_entry_t text_entry(const char* key, const char* value) {
    amqp_table_entry_t entry{};
    entry.key = amqp_cstring_bytes(key);
    entry.value.kind = AMQP_FIELD_KIND_UTF8;
    entry.value.value.bytes = amqp_cstring_bytes(value);
    return entry;
}

amqp_table_entry_t true_entry(const char* key) {
    amqp_table_entry_t entry{};
    entry.key = amqp_cstring_bytes(key);
    entry.value.kind = AMQP_FIELD_KIND_BOOLEAN;
    entry.value.value.boolean = 1;
    return entry;
}

template <class Method>
const Method& as(const amqp_method_t& method) {
    return *static_cast<const Method*>(method.decoded);
}

std::string broker_error(std::uint16_t code, amqp_bytes_t text) {
    return "RabbitMQ says " + std::to_string(code) + ": " + text_of(text);
}

}  // namespace

void Incoming::delivered(amqp_channel_t /*channel*/, std::uint64_t /*tag*/, bool /*is_redelivered*/,
                         std::optional<Envelope> /*event*/) {}
void Incoming::returned(std::optional<Envelope> /*event*/) {}
void Incoming::confirmed(std::uint64_t /*tag*/, bool /*is_up_to*/, bool /*is_taken*/) {}

RabbitmqConnection::RabbitmqConnection(const RabbitmqOptions& options, const std::string& role)
    : prefix_(options.prefix),
      exchange_(options.prefix + "events"),
      name_(options.client + " " + role),
      heartbeat_(options.heartbeat),
      connect_deadline_(options.connect_deadline) {
    for (const std::string& url : options.urls) nodes_.push_back(read_url(url));
    if (nodes_.empty()) throw std::invalid_argument("RabbitMQ: no URL is given");
    wake_file_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_file_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

RabbitmqConnection::~RabbitmqConnection() {
    close(false);
    ::close(wake_file_);
}

RabbitmqConnection::Node RabbitmqConnection::read_url(std::string url) {
    amqp_connection_info info{};
    amqp_default_connection_info(&info);
    // The message does not quote the URL, which may contain a password.
    if (amqp_parse_url(url.data(), &info) != AMQP_STATUS_OK)
        throw std::invalid_argument("RabbitMQ: the URL is not like amqp://user:password@host:5672/vhost");
    if (info.ssl != 0) throw std::invalid_argument("RabbitMQ: amqps is not supported");
    return {info.host, info.port, info.user, info.password, info.vhost};
}

void RabbitmqConnection::open() {
    close(false);
    const Node& node = nodes_[next_node_];
    next_node_ = (next_node_ + 1) % nodes_.size();
    connection_ = amqp_new_connection();
    if (connection_ == nullptr) throw std::bad_alloc();
    amqp_socket_t* socket = amqp_tcp_socket_new(connection_);
    if (socket == nullptr) throw std::bad_alloc();
    const timeval deadline = as_timeval(connect_deadline_);
    amqp_set_handshake_timeout(connection_, &deadline);
    amqp_set_rpc_timeout(connection_, &deadline);
    const std::string place = node.host + ":" + std::to_string(node.port);
    const int status = amqp_socket_open_noblock(socket, node.host.c_str(), node.port, &deadline);
    if (status != AMQP_STATUS_OK)
        throw Unavailable("RabbitMQ at " + place + " is unavailable: " + amqp_error_string2(status));
    {
        const std::lock_guard lock(socket_mutex_);
        socket_ = amqp_get_sockfd(connection_);
    }
    sign_in(node);
}

void RabbitmqConnection::sign_in(const Node& node) {
    // Without this, the broker does not report that the queue of a consumer was deleted, and the consumer would wait
    // forever.
    amqp_table_entry_t cancel_notify = true_entry("consumer_cancel_notify");
    std::array<amqp_table_entry_t, 2> entries{text_entry("connection_name", name_.c_str())};
    entries[1].key = amqp_cstring_bytes("capabilities");
    entries[1].value.kind = AMQP_FIELD_KIND_TABLE;
    entries[1].value.value.table = {1, &cancel_notify};
    const amqp_table_t properties{static_cast<int>(entries.size()), entries.data()};
    const amqp_rpc_reply_t reply = amqp_login_with_properties(
        connection_, node.vhost.c_str(), kChannelLimit, kFrameBytes, static_cast<int>(heartbeat_.count()), &properties,
        AMQP_SASL_METHOD_PLAIN, node.user.c_str(), node.password.c_str());
    if (reply.reply_type == AMQP_RESPONSE_NORMAL) return;
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION)
        throw Unavailable(std::string("RabbitMQ does not answer the log-in: ") +
                          amqp_error_string2(reply.library_error));
    check_reply("log-in");
    throw Unavailable("RabbitMQ refuses the log-in");
}

void RabbitmqConnection::close(bool is_orderly) {
    if (connection_ == nullptr) return;
    if (is_orderly) amqp_connection_close(connection_, AMQP_REPLY_SUCCESS);
    {
        const std::lock_guard lock(socket_mutex_);
        socket_ = -1;
    }
    amqp_destroy_connection(connection_);
    connection_ = nullptr;
    partials_.clear();
}

void RabbitmqConnection::open_channel(amqp_channel_t channel) {
    amqp_channel_open(connection_, channel);
    check_reply("channel");
}

void RabbitmqConnection::close_channel(amqp_channel_t channel) {
    const amqp_rpc_reply_t reply = amqp_channel_close(connection_, channel, AMQP_REPLY_SUCCESS);
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) check(reply.library_error, "end of a channel");
}

void RabbitmqConnection::declare(const std::vector<Wanted>& consumers) {
    amqp_exchange_declare(connection_, kSetUp, bytes_of(exchange_), amqp_cstring_bytes("topic"), 0, 1, 0, 0,
                          amqp_empty_table);
    check_reply("exchange");
    std::array<amqp_table_entry_t, 3> arguments{text_entry("x-queue-type", "quorum"),
                                                true_entry("x-single-active-consumer")};
    arguments[2].key = amqp_cstring_bytes("x-delivery-limit");
    arguments[2].value.kind = AMQP_FIELD_KIND_I32;
    arguments[2].value.value.i32 = kDeliveryLimit;
    const amqp_table_t table{static_cast<int>(arguments.size()), arguments.data()};
    for (const Wanted& wanted : consumers) {
        const std::string queue = queue_of(wanted.consumer);
        amqp_queue_declare(connection_, kSetUp, bytes_of(queue), 0, 1, 0, 0, table);
        check_reply("queue");
        for (const std::string& type : wanted.types) {
            amqp_queue_bind(connection_, kSetUp, bytes_of(queue), bytes_of(exchange_), bytes_of(type),
                            amqp_empty_table);
            check_reply("binding");
        }
        amqp_maybe_release_buffers_on_channel(connection_, kSetUp);
    }
}

std::size_t RabbitmqConnection::delete_queue(amqp_channel_t channel, const std::string& consumer) {
    const std::string queue = queue_of(consumer);
    const amqp_queue_delete_ok_t* deleted = amqp_queue_delete(connection_, channel, bytes_of(queue), 0, 0);
    check_reply("deletion of a queue");
    return deleted->message_count;
}

void RabbitmqConnection::confirm_all(amqp_channel_t channel) {
    amqp_confirm_select(connection_, channel);
    check_reply("confirmations");
}

void RabbitmqConnection::consume(amqp_channel_t channel, const std::string& consumer, std::size_t prefetch) {
    amqp_basic_qos(connection_, channel, 0, static_cast<std::uint16_t>(prefetch), 0);
    check_reply("prefetch");
    const std::string queue = queue_of(consumer);
    amqp_basic_consume(connection_, channel, bytes_of(queue), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
    check_reply("consumer");
}

void RabbitmqConnection::publish(amqp_channel_t channel, const Envelope& event) {
    const MessageProperties properties(event);
    const std::string target = event.consumer.empty() ? event.type : queue_of(event.consumer);
    const amqp_bytes_t exchange = event.consumer.empty() ? bytes_of(exchange_) : amqp_empty_bytes;
    check(amqp_basic_publish(connection_, channel, exchange, bytes_of(target), 1, 0, &properties.get(),
                             bytes_of(event.data)),
          "publish");
}

void RabbitmqConnection::acknowledge(amqp_channel_t channel, std::uint64_t tag) {
    check(amqp_basic_ack(connection_, channel, tag, 1), "acknowledge");
}

void RabbitmqConnection::wait(std::chrono::milliseconds limit, Incoming& incoming) {
    const bool has_more = amqp_frames_enqueued(connection_) != 0 || amqp_data_in_buffer(connection_) != 0;
    std::array<pollfd, 2> files{{{amqp_get_sockfd(connection_), POLLIN, 0}, {wake_file_, POLLIN, 0}}};
    ::poll(files.data(), files.size(), has_more ? 0 : static_cast<int>(limit.count()));
    std::uint64_t count = 0;
    if ((files[1].revents & POLLIN) != 0 && ::read(wake_file_, &count, sizeof count) < 0 && errno != EAGAIN)
        throw std::system_error(errno, std::generic_category(), "eventfd");

    const timeval at_once{0, 0};
    for (;;) {
        amqp_frame_t frame;
        const int status = amqp_simple_wait_frame_noblock(connection_, &frame, &at_once);
        if (status == AMQP_STATUS_TIMEOUT) return;
        check(status, "read");
        take(frame, incoming);
        amqp_maybe_release_buffers_on_channel(connection_, frame.channel);
    }
}

void RabbitmqConnection::take(const amqp_frame_t& frame, Incoming& incoming) {
    if (frame.frame_type == AMQP_FRAME_METHOD) {
        take_method(frame.channel, frame.payload.method, incoming);
        return;
    }
    Partial& partial = partials_[frame.channel];
    if (frame.frame_type == AMQP_FRAME_HEADER) {
        partial.event = read_envelope(*static_cast<const amqp_basic_properties_t*>(frame.payload.properties.decoded));
        partial.body_left = frame.payload.properties.body_size;
        partial.body.clear();
        partial.body.reserve(partial.body_left);
    } else if (frame.frame_type == AMQP_FRAME_BODY) {
        const amqp_bytes_t part = frame.payload.body_fragment;
        partial.body.append(static_cast<const char*>(part.bytes), part.len);
        partial.body_left -= part.len;
    }
    if (partial.body_left == 0) finish(frame.channel, incoming);
}

void RabbitmqConnection::take_method(amqp_channel_t channel, const amqp_method_t& method, Incoming& incoming) {
    Partial& partial = partials_[channel];
    switch (method.id) {
    case AMQP_BASIC_DELIVER_METHOD: {
        const auto& deliver = as<amqp_basic_deliver_t>(method);
        partial.is_return = false;
        partial.is_redelivered = deliver.redelivered != 0;
        partial.tag = deliver.delivery_tag;
        return;
    }
    case AMQP_BASIC_RETURN_METHOD: partial.is_return = true; return;
    case AMQP_BASIC_ACK_METHOD: {
        const auto& ack = as<amqp_basic_ack_t>(method);
        incoming.confirmed(ack.delivery_tag, ack.multiple != 0, true);
        return;
    }
    case AMQP_BASIC_NACK_METHOD: {
        const auto& nack = as<amqp_basic_nack_t>(method);
        incoming.confirmed(nack.delivery_tag, nack.multiple != 0, false);
        return;
    }
    case AMQP_BASIC_CANCEL_METHOD: throw QueueDeleted("RabbitMQ has deleted the queue of a consumer");
    case AMQP_CHANNEL_CLOSE_METHOD: {
        const auto& close = as<amqp_channel_close_t>(method);
        throw Unavailable(broker_error(close.reply_code, close.reply_text));
    }
    case AMQP_CONNECTION_CLOSE_METHOD: {
        const auto& close = as<amqp_connection_close_t>(method);
        throw Unavailable(broker_error(close.reply_code, close.reply_text));
    }
    default:  // such as connection.blocked; the deadlines handle its consequences
        return;
    }
}

void RabbitmqConnection::finish(amqp_channel_t channel, Incoming& incoming) {
    Partial& partial = partials_[channel];
    if (partial.event) partial.event->data = std::move(partial.body);
    if (partial.is_return) {
        if (partial.event) partial.event->consumer = partial.consumer;
        incoming.returned(std::move(partial.event));
    } else {
        incoming.delivered(channel, partial.tag, partial.is_redelivered, std::move(partial.event));
    }
    partial.event.reset();
}

void RabbitmqConnection::wake() {
    const std::uint64_t one = 1;
    // A full counter wakes, too.
    [[maybe_unused]] const auto written = ::write(wake_file_, &one, sizeof one);
}

void RabbitmqConnection::abort() {
    const std::lock_guard lock(socket_mutex_);
    if (socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
}

void RabbitmqConnection::check_reply(const char* what) {
    const amqp_rpc_reply_t reply = amqp_get_rpc_reply(connection_);
    if (reply.reply_type == AMQP_RESPONSE_NORMAL) return;
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) check(reply.library_error, what);
    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION && reply.reply.decoded != nullptr) {
        // Both kinds of close begin with the same members.
        const bool is_channel = reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD;
        const auto code = is_channel ? as<amqp_channel_close_t>(reply.reply).reply_code
                                     : as<amqp_connection_close_t>(reply.reply).reply_code;
        const auto text = is_channel ? as<amqp_channel_close_t>(reply.reply).reply_text
                                     : as<amqp_connection_close_t>(reply.reply).reply_text;
        throw Unavailable(std::string(what) + ": " + broker_error(code, text));
    }
    throw Unavailable(std::string("RabbitMQ has closed the connection: ") + what);
}

void RabbitmqConnection::check(int status, const char* what) {
    if (status != AMQP_STATUS_OK)
        throw Unavailable(std::string("RabbitMQ, ") + what + ": " + amqp_error_string2(status));
}

}  // namespace guildhall::bus
