import dev.tsmedge.AndroidKt;
import dev.tsmedge.TsmEdge;
import dev.tsmedge.TsmException;
import dev.tsmedge.example.GestureAnalyzer;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** ClassChecks FOLDER: what the class promises beside numbers; prints a line a check and ends at the first that fails. */
class ClassChecks {
  private static String weights;
  private static byte[] weightBytes;

  public static void main(String[] arguments) throws Exception {
    Path folder = Path.of(arguments[0]);
    weights = folder.resolve("weights.bin").toString();
    weightBytes = Files.readAllBytes(Path.of(weights));
    metadata(folder);
    closing();
    refusals(folder);
    weightsInMemory();
    assets(folder);
    threads();
    analyzer();
  }

  private static void metadata(Path folder) throws Exception {
    expect(TsmEdge.getLabels().equals(Files.readAllLines(folder.resolve("labels.txt"))), "labels");
    expect(TsmEdge.getMetadata().equals(Files.readString(folder.resolve("metadata.json"))), "metadata");
    expect(TsmEdge.getNumClasses() == TsmEdge.getLabels().size(), "as many labels as classes");
    float[] shares = TsmEdge.probabilities(new float[] {1000, 1000, -1000});
    expect(Arrays.equals(shares, new float[] {0.5f, 0.5f, 0}), "probabilities");
  }

  private static void closing() {
    TsmEdge network = TsmEdge.create(weights);
    float[] frame = new float[3 * TsmEdge.getFrameHeight() * TsmEdge.getFrameWidth()];
    network.stepFrame(frame);
    network.close();
    network.close();
    List<Runnable> later = List.of(() -> network.stepFrame(frame), network::reset, network::save,
        () -> network.load(new float[TsmEdge.getStateFloats()]), () -> network.stepNv21(new byte[96], 8, 8));
    for (Runnable call : later)
      expect(says(IllegalStateException.class, call).contains("is closed"), "a closed network takes no call");
  }

  private static void refusals(Path folder) throws Exception {
    String here = folder.toString();
    refused(-2, here + "/nothing \u00e9\ud83d\ude00.bin", () -> TsmEdge.create(here + "/nothing \u00e9\ud83d\ude00.bin"));
    refused(-3, "weights belong to another library", () -> TsmEdge.create(here + "/cases.txt"));
    refused(-1, "give 1 to 64", () -> TsmEdge.create(weights, 65));
    Path odd = Files.copy(Path.of(weights), folder.resolve("gewichte \u00e9\ud83d\ude00.bin"));
    TsmEdge.create(odd.toString()).close();
    try (TsmEdge network = TsmEdge.create(weights, 1, false)) {
      float[] nan = new float[3 * TsmEdge.getFrameHeight() * TsmEdge.getFrameWidth()];
      nan[7] = Float.NaN;
      refused(-6, "NaN", () -> network.stepFrame(nan));
      refused(-1, "a frame of 5 floats", () -> network.stepFrame(new float[5]));
      refused(-1, "a state of 1 floats", () -> network.load(new float[1]));
      refused(-1, "logits 2 of", () -> network.stepNv21(new byte[96], 8, 8, 0, new float[2]));
      refused(-7, "NV21 8 x 8 in 95 bytes, rotation 0", () -> network.stepNv21(new byte[95], 8, 8));
      refused(-7, "rotation 45", () -> network.stepNv21(new byte[96], 8, 8, 45));
      refused(-7, "NV21 -8 x 8", () -> network.stepNv21(new byte[96], -8, 8));
      refused(-7, "NV21 2147483647 x 2147483647", () -> network.stepNv21(new byte[96], Integer.MAX_VALUE, Integer.MAX_VALUE));
      refused(-7, "NV21 0 x 0", () -> network.stepNv21(new byte[0], 0, 0));
      refused(-7, "RGBA 4 x 4 in 63 bytes", () -> network.stepRgba(ByteBuffer.allocateDirect(63), 4, 4));
      refused(-7, "row stride 15", () -> network.stepRgba(ByteBuffer.allocateDirect(64), 4, 4, 15));
      ByteBuffer full = ByteBuffer.allocateDirect(64), quarter = ByteBuffer.allocateDirect(16);
      ByteBuffer small = ByteBuffer.allocateDirect(15);
      refused(-7, "planes of 64, 15 and 16", () -> network.stepYuv420(full, small, quarter, 8, 8, 8, 4, 1));
      refused(-7, "planes of 64, 16 and 15", () -> network.stepYuv420(full, quarter, small, 8, 8, 8, 4, 1));
      refused(-7, "planes of 15", () -> network.stepYuv420(small, quarter, quarter, 8, 8, 8, 4, 1));
      refused(-7, "pixel stride 2", () -> network.stepYuv420(full, quarter, quarter, 8, 8, 8, 8, 2));
      refused(-7, "pixel stride -1", () -> network.stepYuv420(full, quarter, quarter, 8, 8, 8, 4, -1));
      network.stepYuv420(full, quarter, quarter, 8, 8, 8, 4, 1);
      ByteBuffer heap = ByteBuffer.allocate(64);
      expect(says(IllegalArgumentException.class, () -> network.stepRgba(heap, 4, 4)).contains("allocateDirect"),
          "a buffer of Java's heap is refused");
    }
    expect(says(IllegalArgumentException.class, () -> TsmEdge.create(ByteBuffer.wrap(weightBytes)))
        .contains("allocateDirect"), "weights of Java's heap are refused");
  }

  private static void weightsInMemory() {
    float[] frame = noise(3);
    float[] expected = stepped(TsmEdge.create(weights), frame);
    for (int offset = 0; offset < 64; offset += 7) {
      TsmEdge network = TsmEdge.create(inMemory(offset));
      List<ByteBuffer> zeros = new ArrayList<>(); // would take the place of what was freed
      for (int i = 0; i < 20; i++) {
        System.gc();
        zeros.add(ByteBuffer.allocateDirect(weightBytes.length + 128));
      }
      expect(Arrays.equals(stepped(network, frame), expected), "weights in memory at " + offset + ", " + zeros.size() + " buffers later");
    }
    refused(-3, "weights belong to another library", () -> TsmEdge.create(ByteBuffer.allocateDirect(5)));
  }

  /** At `offset` from a multiple of 64, where the library reads them in place. */
  private static ByteBuffer inMemory(int offset) {
    ByteBuffer buffer = ByteBuffer.allocateDirect(weightBytes.length + 128);
    int begin = (64 - buffer.alignmentOffset(0, 64)) % 64 + offset;
    buffer.position(begin);
    buffer.put(weightBytes);
    buffer.position(begin).limit(begin + weightBytes.length);
    return buffer;
  }

  private static void assets(Path folder) throws Exception {
    Path apk = folder.resolve("app.apk");
    byte[] content = new byte[weightBytes.length + 2000];
    System.arraycopy(weightBytes, 0, content, 1004, weightBytes.length);
    Files.write(apk, content);
    float[] frame = noise(4), expected = stepped(TsmEdge.create(weights), frame);
    for (boolean compressed : new boolean[] {false, true}) {
      Pictures.Assets assets = new Pictures.Assets(apk, 1004, weightBytes.length, compressed);
      TsmEdge network = AndroidKt.create(TsmEdge.Companion, assets, AndroidKt.WEIGHTS_ASSET, 1, true);
      expect(Arrays.equals(stepped(network, frame), expected), "weights among assets, compressed: " + compressed);
    }
  }

  private static void threads() throws Exception {
    float[] frame = noise(5), expected = stepped(TsmEdge.create(weights), frame);
    ExecutorService pool = Executors.newFixedThreadPool(4);
    try (TsmEdge shared = TsmEdge.create(weights, 2)) {
      List<Future<float[]>> own = new ArrayList<>(), all = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        own.add(pool.submit((Callable<float[]>) () -> stepped(TsmEdge.create(weights, 2), frame)));
        all.add(pool.submit(() -> shared.stepFrame(frame)));
      }
      for (Future<float[]> answer : own) expect(Arrays.equals(answer.get(), expected), "streams do not mix");
      for (Future<float[]> answer : all) expect(answer.get().length == expected.length, "calls wait for each other");
    }
    pool.shutdown();
  }

  private static void analyzer() {
    List<String> said = new ArrayList<>();
    try (TsmEdge network = TsmEdge.create(weights)) {
      GestureAnalyzer analyzer = new GestureAnalyzer(network, 3, (label, share) -> {
        said.add(label);
        expect(share > 0 && share <= 1, "a share of one");
        return kotlin.Unit.INSTANCE;
      });
      for (int i = 0; i < 5; i++) {
        Pictures.Proxied image = new Pictures.Proxied(64, 40 * i);
        analyzer.analyze(image);
        expect(image.closed, "CameraX gets its image back");
      }
    }
    expect(said.size() == 5 && TsmEdge.getLabels().containsAll(said), "the analyzer names a label for each image");
  }

  private static float[] noise(int seed) {
    java.util.Random random = new java.util.Random(seed);
    float[] frame = new float[3 * TsmEdge.getFrameHeight() * TsmEdge.getFrameWidth()];
    for (int i = 0; i < frame.length; i++) frame[i] = (float) random.nextGaussian();
    return frame;
  }

  private static float[] stepped(TsmEdge network, float[] frame) {
    try (network) {
      network.stepFrame(frame);
      return network.stepFrame(frame);
    }
  }

  private static void refused(int status, String text, Runnable call) {
    String said = says(TsmException.class, call);
    expect(said.contains(text), text + " in: " + said);
    try {
      call.run();
    } catch (TsmException error) {
      expect(error.getStatus() == status, "status " + error.getStatus() + " for " + text);
    }
  }

  private static String says(Class<? extends RuntimeException> kind, Runnable call) {
    try {
      call.run();
    } catch (RuntimeException error) {
      if (kind.isInstance(error)) return String.valueOf(error.getMessage());
      throw error;
    }
    throw new AssertionError("no " + kind.getSimpleName());
  }

  private static void expect(boolean fulfilled, String what) {
    if (!fulfilled) throw new AssertionError(what);
    System.out.println(what);
  }
}
