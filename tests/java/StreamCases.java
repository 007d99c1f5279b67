import android.graphics.ImageFormat;
import android.graphics.PixelFormat;
import android.media.Image;
import dev.tsmedge.AndroidKt;
import dev.tsmedge.TsmEdge;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * StreamCases FOLDER: steps one stream through what FOLDER/cases.txt lists, a case a line, and prints its logits.
 *
 * Words of a line: how, then width, height, rotation, three row strides, three pixel strides, then files of its planes.
 */
class StreamCases {
  public static void main(String[] arguments) throws Exception {
    Path folder = Path.of(arguments[0]);
    float[] saved = null;
    try (TsmEdge network = TsmEdge.create(folder.resolve("weights.bin").toString(), 2)) {
      for (String line : Files.readAllLines(folder.resolve("cases.txt"))) {
        String[] words = line.split(" ");
        switch (words[0]) {
          case "reset" -> network.reset();
          case "save" -> saved = network.save();
          case "load" -> network.load(saved);
          default -> print(step(network, folder, words));
        }
      }
    }
  }

  private static float[] step(TsmEdge network, Path folder, String[] words) throws Exception {
    int[] n = new int[9];
    for (int i = 0; i < n.length; i++) n[i] = Integer.parseInt(words[1 + i]);
    ByteBuffer[] planes = new ByteBuffer[words.length - 10];
    for (int i = 0; i < planes.length; i++) planes[i] = direct(Files.readAllBytes(folder.resolve(words[10 + i])));
    switch (words[0]) {
      case "frame":
        float[] frame = new float[planes[0].remaining() / 4];
        planes[0].order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(frame);
        return network.stepFrame(frame);
      case "nv21":
        byte[] bytes = new byte[planes[0].remaining()];
        planes[0].get(bytes);
        return network.stepNv21(bytes, n[0], n[1], n[2]);
      case "yuv_420_888":
        return network.stepYuv420(planes[0], planes[1], planes[2], n[0], n[1], n[3], n[4], n[7], n[2]);
      case "rgba":
        return network.stepRgba(planes[0], n[0], n[1], n[3], n[2]);
      default:
        int format = words[0].equals("image_rgba") ? PixelFormat.RGBA_8888 : ImageFormat.YUV_420_888;
        return AndroidKt.step(network, new Pictures.Taken(format, n, planes), n[2], new float[TsmEdge.getNumClasses()]);
    }
  }

  /** In the middle of a larger buffer, so that only slices are right. */
  private static ByteBuffer direct(byte[] bytes) {
    ByteBuffer larger = ByteBuffer.allocateDirect(bytes.length + 24);
    larger.position(13);
    larger.put(bytes);
    larger.position(13).limit(13 + bytes.length);
    return larger;
  }

  private static void print(float[] logits) {
    StringBuilder line = new StringBuilder();
    for (float value : logits) line.append(Float.toHexString(value)).append(' ');
    System.out.println(line.toString().trim());
  }
}
