import android.content.res.AssetFileDescriptor;
import android.content.res.AssetManager;
import android.media.Image;
import androidx.camera.core.ImageInfo;
import androidx.camera.core.ImageProxy;
import java.io.ByteArrayInputStream;
import java.io.FileDescriptor;
import java.io.FileNotFoundException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;

/** What a phone would hand over, filled with given bytes. */
class Pictures {
  /** Numbers: width, height, rotation, three row strides, three pixel strides. */
  static class Taken extends Image {
    private final int format;
    private final int[] numbers;
    private final ByteBuffer[] planes;

    Taken(int format, int[] numbers, ByteBuffer... planes) {
      this.format = format;
      this.numbers = numbers;
      this.planes = planes;
    }

    @Override public int getFormat() { return format; }
    @Override public int getWidth() { return numbers[0]; }
    @Override public int getHeight() { return numbers[1]; }
    @Override public void close() {}

    @Override public Plane[] getPlanes() {
      Plane[] described = new Plane[planes.length];
      for (int i = 0; i < planes.length; i++) {
        int index = i;
        described[i] = new Plane() {
          @Override public int getRowStride() { return numbers[3 + index]; }
          @Override public int getPixelStride() { return numbers[6 + index]; }
          @Override public ByteBuffer getBuffer() { return planes[index]; }
        };
      }
      return described;
    }
  }

  /** An image of CameraX, grey, that notes whether it was closed. */
  static class Proxied implements ImageProxy {
    boolean closed;
    private final int size;
    private final ByteBuffer luma, chroma;

    Proxied(int size, int level) {
      this.size = size;
      luma = filled(size * size, level);
      chroma = filled(size * size / 4, 128);
    }

    private static ByteBuffer filled(int bytes, int level) {
      ByteBuffer buffer = ByteBuffer.allocateDirect(bytes);
      while (buffer.hasRemaining()) buffer.put((byte) level);
      buffer.rewind();
      return buffer;
    }

    @Override public int getWidth() { return size; }
    @Override public int getHeight() { return size; }
    @Override public ImageInfo getImageInfo() { return () -> 90; }
    @Override public void close() { closed = true; }

    @Override public PlaneProxy[] getPlanes() {
      return new PlaneProxy[] {plane(luma, size), plane(chroma, size / 2), plane(chroma, size / 2)};
    }

    private static PlaneProxy plane(ByteBuffer buffer, int rowStride) {
      return new PlaneProxy() {
        @Override public int getRowStride() { return rowStride; }
        @Override public int getPixelStride() { return 1; }
        @Override public ByteBuffer getBuffer() { return buffer; }
      };
    }
  }

  /** Assets in a file, at an offset as in an APK; or compressed, so that nothing but a stream can be had. */
  static class Assets extends AssetManager {
    private final Path apk;
    private final long offset, length;
    private final boolean compressed;

    Assets(Path apk, long offset, long length, boolean compressed) {
      this.apk = apk;
      this.offset = offset;
      this.length = length;
      this.compressed = compressed;
    }

    @Override public AssetFileDescriptor openFd(String name) throws java.io.IOException {
      if (compressed || !name.equals(dev.tsmedge.AndroidKt.WEIGHTS_ASSET)) throw new FileNotFoundException(name);
      RandomAccessFile file = new RandomAccessFile(apk.toFile(), "r");
      return new AssetFileDescriptor() {
        @Override public FileDescriptor getFileDescriptor() {
          try {
            return file.getFD();
          } catch (java.io.IOException error) {
            throw new AssertionError(error);
          }
        }
        @Override public long getStartOffset() { return offset; }
        @Override public long getDeclaredLength() { return length; }
        @Override public void close() throws java.io.IOException { file.close(); }
      };
    }

    @Override public InputStream open(String name) throws java.io.IOException {
      if (!name.equals(dev.tsmedge.AndroidKt.WEIGHTS_ASSET)) throw new FileNotFoundException(name);
      return new ByteArrayInputStream(Files.readAllBytes(apk), (int) offset, (int) length);
    }
  }
}
