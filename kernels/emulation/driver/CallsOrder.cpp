//===- CallsOrder.cpp - Streams, events and capture -----------------------===//
#include "kernels/emulation/driver/Machine.h"
#include "kernels/emulation/driver/Schedule.h"

#include <algorithm>

using namespace mm1::emulated;
using namespace mm1::cuda;

/// Leaves unless `stream` is one that we made. The default stream is an error
/// of ours: it waits for every other.
#define MM1_STREAM(stream)                                                     \
  if (!m.streams.isLive(stream)) {                                             \
    if (!stream)                                                               \
      m.report(std::string(call.name) + " uses the default stream");           \
    return kInvalidHandle;                                                     \
  }
#define MM1_EVENT(event)                                                       \
  if (!m.events.isLive(event))                                                 \
  return kInvalidHandle

/// A call on a stream, or on an event of one, that no capture can hold.
static Result refuseInCapture(Call &call, GraphHandle *graph) {
  graph->isSpoilt = true;
  call.m.report(std::string(call.name) +
                " on a stream that captures: it spoils the capture");
  return kCaptureUnsupported;
}

MM1_DRIVER_CALL cuStreamCreate(Stream *stream, unsigned flags) {
  MM1_ENTER(Context);
  if (!stream || (flags & ~unsigned(kStreamNonBlocking)) != 0)
    return kInvalidValue;
  if (!(flags & kStreamNonBlocking))
    m.report("cuStreamCreate: a stream that waits for the default stream");
  auto made = std::make_unique<StreamHandle>();
  made->context = call.context;
  made->name = "stream " + std::to_string(m.streams.size() + 1);
  *stream = m.streams.add(std::move(made));
  return kSuccess;
}

MM1_DRIVER_CALL cuStreamDestroy(Stream stream) {
  MM1_ENTER(Context);
  MM1_STREAM(stream);
  if (stream->capture)
    return refuseInCapture(call, stream->capture);
  // A driver lets it finish in its own time.
  Result result = workUntil(call, [&] { return stream->isIdle(); });
  m.streams.kill(stream);
  return result;
}

MM1_DRIVER_CALL cuStreamSynchronize(Stream stream) {
  MM1_ENTER(Context);
  MM1_STREAM(stream);
  if (stream->capture)
    return refuseInCapture(call, stream->capture);
  Result result = workUntil(call, [&] { return stream->isIdle(); });
  join(m.host, stream->all);
  return result;
}

MM1_DRIVER_CALL cuStreamQuery(Stream stream) {
  MM1_ENTER(Context);
  MM1_STREAM(stream);
  if (stream->capture)
    return refuseInCapture(call, stream->capture);
  if (!stream->isIdle()) {
    workOnce();
    return call.context->sticky != kSuccess ? call.context->sticky : kNotReady;
  }
  join(m.host, stream->all);
  return kSuccess;
}

MM1_DRIVER_CALL cuStreamWaitEvent(Stream stream, Event event, unsigned flags) {
  MM1_ENTER(Context);
  MM1_STREAM(stream);
  MM1_EVENT(event);
  if (flags != 0)
    return kInvalidValue;
  if (GraphHandle *graph = event->captured) {
    if (stream->capture && stream->capture != graph)
      return kCaptureIsolation;
    if (!stream->capture) {
      stream->capture = graph;
      stream->tip.clear();
      graph->joined.push_back(stream);
    }
    for (NodeHandle *node : event->tip)
      if (std::find(stream->tip.begin(), stream->tip.end(), node) ==
          stream->tip.end())
        stream->tip.push_back(node);
    return kSuccess;
  }
  if (stream->capture) {
    stream->capture->isSpoilt = true;
    return kCaptureIsolation;
  }
  if (event->given == 0)
    return kSuccess; // never recorded: there is nothing to wait for
  return give(call, *stream, {AwaitWork{event, event->given}, {}});
}

MM1_DRIVER_CALL cuEventCreate(Event *event, unsigned flags) {
  MM1_ENTER(Context);
  if (!event || (flags & ~unsigned(kEventNoTiming)) != 0)
    return kInvalidValue;
  auto made = std::make_unique<EventHandle>();
  made->context = call.context;
  made->timed = !(flags & kEventNoTiming);
  *event = m.events.add(std::move(made));
  return kSuccess;
}

MM1_DRIVER_CALL cuEventDestroy(Event event) {
  MM1_ENTER(Context);
  MM1_EVENT(event);
  m.events.kill(event);
  return kSuccess;
}

MM1_DRIVER_CALL cuEventRecord(Event event, Stream stream) {
  MM1_ENTER(Context);
  MM1_EVENT(event);
  MM1_STREAM(stream);
  if (event->context != stream->context)
    return kInvalidHandle;
  event->captured = stream->capture;
  event->tip = stream->tip;
  if (stream->capture)
    return kSuccess;
  return give(call, *stream, {RecordWork{event, ++event->given}, {}});
}

MM1_DRIVER_CALL cuEventQuery(Event event) {
  MM1_ENTER(Context);
  MM1_EVENT(event);
  if (event->captured)
    return kCapturedEvent;
  if (event->done < event->given) {
    workOnce();
    return call.context->sticky != kSuccess ? call.context->sticky : kNotReady;
  }
  join(m.host, event->clock);
  return kSuccess;
}

MM1_DRIVER_CALL cuEventSynchronize(Event event) {
  MM1_ENTER(Context);
  MM1_EVENT(event);
  if (event->captured)
    return refuseInCapture(call, event->captured);
  MM1_NOT_WHILE_CAPTURING();
  Result result = workUntil(call, [&] { return event->done >= event->given; });
  join(m.host, event->clock);
  return result;
}

MM1_DRIVER_CALL cuEventElapsedTime(float *milliseconds, Event from, Event to) {
  MM1_ENTER(Context);
  MM1_EVENT(from);
  MM1_EVENT(to);
  if (!milliseconds)
    return kInvalidValue;
  if (!from->timed || !to->timed || from->given == 0 || to->given == 0)
    return kInvalidHandle;
  if (from->done < from->given || to->done < to->given)
    return kNotReady;
  *milliseconds =
      static_cast<float>(double(to->nanoseconds) - double(from->nanoseconds)) *
      1e-6f;
  return kSuccess;
}

MM1_DRIVER_CALL cuStreamBeginCapture(Stream stream, CaptureMode mode) {
  MM1_ENTER(Context);
  MM1_STREAM(stream);
  if (stream->capture)
    return kCaptureUnsupported;
  auto graph = std::make_unique<GraphHandle>();
  graph->origin = stream;
  graph->mode = mode;
  graph->captor = std::this_thread::get_id();
  stream->capture = m.graphs.add(std::move(graph));
  stream->tip.clear();
  return kSuccess;
}

MM1_DRIVER_CALL cuStreamIsCapturing(Stream stream, CaptureStatus *status) {
  MM1_ENTER(Context);
  MM1_STREAM(stream);
  if (!status)
    return kInvalidValue;
  *status = !stream->capture            ? kCaptureNone
            : stream->capture->isSpoilt ? kCaptureSpoilt
                                        : kCaptureActive;
  return kSuccess;
}

/// Whether `node` has a reader, or is what `stream` did last.
static bool isJoined(const GraphHandle &graph, const StreamHandle &stream,
                     const NodeHandle *node) {
  if (std::find(stream.tip.begin(), stream.tip.end(), node) != stream.tip.end())
    return true;
  for (const NodeHandle *reader : graph.nodes)
    for (const NodeHandle::Edge &edge : reader->edges)
      if (edge.from == node)
        return true;
  return false;
}

MM1_DRIVER_CALL cuStreamEndCapture(Stream stream, Graph *graph) {
  MM1_ENTER(Context);
  MM1_STREAM(stream);
  if (!graph)
    return kInvalidValue;
  *graph = nullptr;
  GraphHandle *captured = stream->capture;
  if (!captured || captured->origin != stream)
    return kInvalidValue;
  bool allJoined = true;
  for (StreamHandle *other : captured->joined) {
    for (const NodeHandle *node : other->tip)
      allJoined &= isJoined(*captured, *stream, node);
    other->capture = nullptr;
    other->tip.clear();
  }
  captured->origin = nullptr;
  captured->joined.clear();
  stream->capture = nullptr;
  stream->tip.clear();
  if (captured->isSpoilt)
    return kCaptureInvalidated;
  if (!allJoined) {
    m.report("cuStreamEndCapture: a stream that joined the capture was not "
             "joined back");
    return kCaptureUnjoined;
  }
  *graph = captured;
  return kSuccess;
}
